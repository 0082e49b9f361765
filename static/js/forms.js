// A form is sent once: its button says so and waits. After the browser's own "back" it can be sent anew, under a new
// key, because that is a new wish.

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
  const label = button.querySelector("[data-label]");
  if (button.dataset.busy && label) {
    label.dataset.label = label.textContent;
    label.textContent = button.dataset.busy;
  }
});

window.addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  for (const button of document.querySelectorAll("button[aria-busy]")) {
    button.removeAttribute("aria-busy");
    const label = button.querySelector("[data-label]");
    if (label?.dataset.label) label.textContent = label.dataset.label;
  }
  for (const key of document.querySelectorAll("[data-fresh-key]")) key.value = `ask_${crypto.randomUUID()}`;
});

// A form that came back with a mistake starts at the mistake.
document.querySelector('main [aria-invalid="true"]')?.focus();

// <select data-submit> sends its form when changed.
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
});

// <textarea data-count="2500"> tells how much of it is used, once that is worth knowing.
function count(area) {
  const out = document.querySelector(`[data-count-for="${area.id}"]`);
  const limit = Number(area.dataset.count);
  if (out) out.textContent = area.value.length > limit / 2 ? `${area.value.length} of ${limit}` : "";
}

document.addEventListener("input", (event) => {
  if (event.target.matches("textarea[data-count]")) count(event.target);
});
