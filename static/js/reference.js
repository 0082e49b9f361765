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

// Swagger UI leaves some of its fields without a name for who can't see what stands beside them.
(() => {
  const FIELDS = ":is(select, textarea, input:not([type='hidden'])):not([aria-label], [aria-labelledby])";

  // A label around a field says nothing when the field is all that is in it.
  const isNamed = (field) => [...(field.labels ?? [])].some((label) => label.textContent.trim() !== field.textContent.trim());

  function nameOf(field) {
    if (field.id === "servers") return "Server";
    const parameter = field.closest("[data-param-name]")?.dataset.paramName;
    if (parameter) return parameter;
    if (field.matches("textarea")) return "Request body";
    if (field.matches("select")) return field.closest(".responses-inner") ? "Form of the answer" : "Form of the request";
    return field.placeholder || field.name || "Value";
  }

  function name() {
    for (const field of document.querySelectorAll(FIELDS)) {
      if (!isNamed(field)) field.setAttribute("aria-label", nameOf(field));
    }
    for (const cross of document.querySelectorAll(".close-modal:not([aria-label])")) {
      cross.setAttribute("aria-label", "Close the dialog");
    }
  }

  new MutationObserver(name).observe(document.documentElement, { childList: true, subtree: true });
})();
