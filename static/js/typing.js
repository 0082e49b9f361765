// Words that are typed for the voice slot: its button opens the panel, with the words of the voice that is there.

import { toast } from "./toasts.js";

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

// The voice that is chosen says something, once it has been asked to.
const listen = panel.querySelector("[data-sample]");
const sound = new Audio();
const label = (word) => {
  listen.querySelector("[data-label]").textContent = word;
};

async function hear() {
  const speaker = panel.querySelector("select[name=speaker]").value;
  sound.src = `${listen.dataset.sample}?speaker=${encodeURIComponent(speaker)}`;
  label("Loading…");
  try {
    await sound.play();
    label("Stop");
  } catch {
    label("Listen");
    toast("A sample of this voice can’t be had now. Try again later.");
  }
}

if (listen) {
  listen.addEventListener("click", () => (sound.paused ? hear() : sound.pause()));
  for (const end of ["pause", "ended"]) sound.addEventListener(end, () => label("Listen"));
}

if (words) {
  panel.addEventListener("toggle", () => panel.open && words.value && estimate());
  if (panel.open && words.value) document.addEventListener("DOMContentLoaded", estimate);
}
