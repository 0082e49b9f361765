// The slider and the field say the same length, and the prices follow; a recording is sent to be priced.

import { dropsOn } from "./drops.js";
import { toast } from "./toasts.js";

const root = document.querySelector("[data-estimate]");
const slider = root.querySelector("[data-slider]");
const clock = root.querySelector("[data-clock]");
const length = root.querySelector("[data-length]");
const form = root.querySelector("[data-recording]");
const input = form.querySelector(".file-button__input");
const allowed = root.querySelector("[data-allowed]");
const hint = allowed.textContent;
const most = Number(form.dataset.most);

// The seconds of 1:30 or 90; NaN for what is neither, or too short or too long.
function typed(text) {
  const [, minutes, seconds] = /^(?:(\d{1,2}):(?=[0-5]\d$))?(\d{1,4})$/.exec(text.trim()) ?? [];
  const found = Number(minutes ?? 0) * 60 + Number(seconds);
  return found >= Number(slider.min) && found <= Number(length.dataset.to) ? found : NaN;
}

function slide(seconds) {
  const minutes = Math.floor(seconds / 60);
  slider.value = seconds;
  slider.setAttribute("aria-valuetext", minutes ? `${minutes} min ${seconds % 60} s` : `${seconds} s`);
  slider.style.setProperty("--share", `${((Math.min(seconds, slider.max) - slider.min) / (slider.max - slider.min)) * 100}%`);
  clock.removeAttribute("aria-invalid");
  allowed.textContent = hint;
}

function refuse() {
  clock.setAttribute("aria-invalid", "true");
  allowed.textContent = `“${clock.value}” is no length. ${hint}`;
}

function show(seconds) {
  const whole = Math.round(seconds);
  clock.value = `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
  slide(whole);
}

function price() {
  const [file] = input.files;
  if (!file) return;
  if (file.size > most) {
    toast(`The recording is ${(file.size / 1e6).toFixed(1)} MB; here the limit is ${most / 1e6} MB. Save it as an MP3, or set the length with the slider.`);
    input.value = "";
  } else window.htmx.trigger(form, "priced");
}

form.querySelector("input.no-script")?.remove(); // or an empty one of the same name would be sent, too
slider.addEventListener("input", () => {
  show(Number(slider.value));
  window.htmx.trigger(length, "length");
});
clock.addEventListener("focus", () => clock.select());
clock.addEventListener("input", () => {
  const seconds = typed(clock.value);
  if (!seconds) return; // it may be half of one
  slide(seconds);
  window.htmx.trigger(length, "length");
});
clock.addEventListener("change", () => {
  const seconds = typed(clock.value);
  if (seconds) show(seconds);
  else refuse();
});
length.addEventListener("submit", (event) => {
  event.preventDefault();
  clock.blur(); // which is a change
});
input.addEventListener("change", price);
form.addEventListener("htmx:afterRequest", () => {
  input.value = ""; // so that the same one can be chosen again
  show(Number(root.querySelector("[data-ms]").dataset.ms) / 1000);
});
form.addEventListener("htmx:responseError", ({ detail }) => {
  toast(detail.xhr.getResponseHeader("content-type")?.startsWith("text/plain") ? detail.xhr.responseText : "That did not work. Try again.");
});
dropsOn(root, (target) => target.closest("[data-estimate]"), ([file]) => {
  const files = new DataTransfer();
  files.items.add(file);
  input.files = files.files;
  price();
});
if (!clock.value || typed(clock.value)) show(typed(clock.value) || Number(slider.value));
else refuse();
