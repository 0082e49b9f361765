// Runs before the first paint, so that a chosen theme doesn't flash, and nothing moves once it is known what the browser
// can do. "" means: as the system.
(() => {
  try {
    const theme = localStorage.getItem("theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch {
    // A browser that keeps nothing follows the system.
  }
  document.documentElement.classList.add("js");
  // An address in numbers has no passkeys.
  if (/^[\d.]+$|:/.test(location.hostname) || !window.PublicKeyCredential) document.documentElement.classList.add("no-passkeys");
  if (navigator.mediaDevices && window.MediaRecorder) document.documentElement.classList.add("records");
})();
