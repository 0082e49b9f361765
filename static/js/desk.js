// The theme reads the system's colours once; this follows them while a page is open, unless somebody has chosen.
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", (system) => {
  const chosen = (localStorage.getItem("_x_adminTheme") || "").replaceAll('"', "");
  if (!chosen || chosen === "auto") document.documentElement.classList.toggle("dark", system.matches);
});

// Fields of the theme that have a label beside them, which their markup does not name.
const nameFields = () => {
  for (const field of document.querySelectorAll("td[data-label] :is(select, textarea, input:not([type=hidden]))")) {
    if (!field.labels?.length && !field.ariaLabel) field.ariaLabel = field.closest("td").dataset.label;
  }
  for (const drawn of document.querySelectorAll(".select2-container")) {
    const field = drawn.previousElementSibling;
    const name = field?.labels?.[0]?.textContent.trim() || field?.ariaLabel;
    if (!name) continue;
    for (const part of drawn.querySelectorAll(".select2-selection, .select2-selection__rendered")) {
      part.removeAttribute("aria-labelledby");
      part.ariaLabel = name;
    }
  }
};
addEventListener("load", () => setTimeout(nameFields)); // after whatever else waits for that to draw
