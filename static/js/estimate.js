// The slider says its time at once, and the prices follow; a recording that is chosen or dropped is sent to be priced.

import { dropsOn } from "./drops.js";
import { toast } from "./toasts.js";

const root = document.querySelector("[data-estimate]");
const slider = root.querySelector("[data-slider]");
const clock = root.querySelector("[data-clock]");
const form = root.querySelector("[data-recording]");
const input = form.querySelector(".file-button__input");
const most = Number(form.dataset.most);

function show(seconds) {
  const whole = Math.round(seconds);
  const minutes = Math.floor(whole / 60);
  clock.textContent = `${minutes}:${String(whole % 60).padStart(2, "0")}`;
  slider.setAttribute("aria-valuetext", minutes ? `${minutes} min ${whole % 60} s` : `${whole} s`);
  slider.style.setProperty("--share", `${((slider.value - slider.min) / (slider.max - slider.min)) * 100}%`);
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
slider.addEventListener("input", () => show(Number(slider.value)));
input.addEventListener("change", price);
form.addEventListener("htmx:afterRequest", () => {
  input.value = ""; // so that the same one can be chosen again
  const seconds = Number(root.querySelector("[data-ms]").dataset.ms) / 1000;
  slider.value = seconds;
  show(seconds);
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
show(Number(slider.value));
