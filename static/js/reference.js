// Swagger UI has dark colours for a page whose root has this class; it doesn't ask the system by itself.
// Runs before the first paint, like theme.js.
(() => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");

  function follow() {
    root.classList.toggle("dark-mode", root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
  }

  dark.addEventListener("change", follow);
  follow();
})();
