// The theme reads the system's colours once; this follows them while a page is open, unless somebody has chosen.
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", (system) => {
  const chosen = (localStorage.getItem("_x_adminTheme") || "").replaceAll('"', "");
  if (!chosen || chosen === "auto") document.documentElement.classList.toggle("dark", system.matches);
});
