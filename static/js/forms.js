// A form is sent once: the button says so and waits. Coming back by the browser's own button, it works again.

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post") return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "1";
  const button = event.submitter;
  if (!button) return;
  button.setAttribute("aria-busy", "true");
  if (button.dataset.busy) button.querySelector("[data-label]").textContent = button.dataset.busy;
});

window.addEventListener("pageshow", (event) => {
  if (event.persisted) window.location.reload();
});

// <select data-submit> and the like send their form when changed.
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
});
