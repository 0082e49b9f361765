// Words that are typed for the voice slot: its button opens the panel, with the words of the voice that is there.

const panel = document.getElementById("speech");
const words = panel.querySelector("textarea");

function estimate() {
  window.htmx.trigger("#speech-estimate", "estimate");
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-type]");
  if (!button) return;
  event.preventDefault();
  panel.open = true;
  const known = button.parentElement.querySelector("[data-words]")?.content.textContent;
  if (known && words && words.value !== known) {
    words.value = known;
    words.dispatchEvent(new Event("input", { bubbles: true }));
  }
  panel.scrollIntoView({ block: "nearest" });
  (words ?? panel.querySelector("summary")).focus();
});

if (words) {
  panel.addEventListener("toggle", () => panel.open && words.value && estimate());
  if (panel.open && words.value) document.addEventListener("DOMContentLoaded", estimate);
}
