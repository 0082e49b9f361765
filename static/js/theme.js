// Runs before the first paint, so that a chosen theme doesn't flash. "" means: as the system.
(() => {
  try {
    const theme = localStorage.getItem("theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch {
    // A browser that keeps nothing follows the system.
  }
  document.documentElement.classList.add("js");
})();
