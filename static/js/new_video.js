// The form of a new video: files by click, drop, paste or microphone go up at once and come back as a filled slot.

import "./clips.js";
import "./draft.js";
import { dropsOn, kindOf } from "./drops.js";
import "./recorder.js";
import { send } from "./sending.js";
import { toast } from "./toasts.js";
import "./typing.js";

const maker = document.querySelector("[data-maker]");
const slotOf = (kind) => document.getElementById(`slot-${kind}`);

function refuse(slot, words) {
  slot.querySelector("[data-slot-error-words]").textContent = words;
  slot.querySelector("[data-slot-error]").hidden = !words;
}

function busy(slot, file, stop) {
  const panel = slot.querySelector("[data-busy]");
  panel.hidden = false;
  panel.querySelector("[data-busy-name]").textContent = file.name;
  panel.querySelector("[data-busy-stop]").onclick = stop;
  return (share) => {
    const percent = Math.round(share * 100);
    panel.querySelector("[data-busy-meter]").value = percent;
    panel.querySelector("[data-busy-share]").textContent = percent < 100 ? `${percent} %` : "Looking at it…";
  };
}

function fill(kind, html) {
  const holder = document.createElement("template");
  holder.innerHTML = html.trim();
  const fresh = holder.content.firstElementChild;
  slotOf(kind).replaceWith(fresh);
  window.htmx.process(fresh);
  changed(fresh);
  document.querySelector(".maker__sample")?.remove();
}

function changed(slot) {
  slot.dispatchEvent(new CustomEvent("htmx:load", { bubbles: true, detail: { elt: slot } }));
  maker.dispatchEvent(new CustomEvent("slot-changed"));
}

async function upload(kind, file) {
  const slot = slotOf(kind);
  const form = new FormData();
  form.set("csrfmiddlewaretoken", maker.elements.csrfmiddlewaretoken.value);
  form.set("kind", kind);
  form.set("as", "slot");
  form.set("current", slot.querySelector(`input[name="${kind}"]`)?.value ?? "");
  form.set("file", file, file.name);
  refuse(slot, "");
  let progress = () => {};
  const sending = send(maker.dataset.upload, form, (share) => progress(share));
  progress = busy(slot, file, sending.stop);
  try {
    fill(kind, (await sending.done).responseText);
  } catch (error) {
    slot.querySelector("[data-busy]").hidden = true;
    refuse(slot, error.message);
  }
  slotOf(kind).querySelector("[data-file]")?.focus({ preventScroll: true });
}

function take(files, zone) {
  const wanted = zone?.closest("[data-slot]")?.dataset.slot;
  if (files.length === 1 && wanted) return upload(wanted, files[0]);
  for (const kind of ["portrait", "voice"]) {
    const file = files.find((each) => kindOf(each) === kind);
    if (file) upload(kind, file);
  }
  if (!files.some(kindOf)) toast("Neither a picture nor a recording was among that.");
}

maker.addEventListener("change", (event) => {
  if (!event.target.matches("[data-file]")) return;
  event.stopPropagation();
  const [file] = event.target.files;
  const kind = event.target.closest("[data-slot]").dataset.slot;
  event.target.value = "";
  if (file) upload(kind, file);
});

// Whether a warning is accepted changes no price.
maker.addEventListener("change", (event) => event.target.matches("[data-confirm]") && event.stopPropagation());

dropsOn(document.getElementById("main"), (target) => target.closest?.("[data-slot]"), take);

document.addEventListener("paste", (event) => {
  const files = [...(event.clipboardData?.files ?? [])];
  if (!files.length) return;
  event.preventDefault();
  take(files, null);
});

document.addEventListener("voice-recorded", (event) => upload("voice", event.detail));

// An earlier upload that was picked in the dialog, a crop or a spoken voice has filled its slot. What had the focus may
// have gone with the old slot, so its like in the new one gets it.
const LIKE = { "crops__shape": '.crops [aria-pressed="true"]', "choices__one": "[data-earlier]" };
document.addEventListener("htmx:afterSwap", (event) => {
  const { id } = event.detail.target ?? {};
  if (!id?.startsWith("slot-")) return;
  document.getElementById("dialog").close();
  const slot = document.getElementById(id);
  const asker = event.detail.requestConfig?.elt.classList[0] ?? "";
  if (asker === "crops__shape") slot.querySelector(".crops").open = true;
  slot.querySelector(LIKE[asker])?.focus({ preventScroll: true });
  document.querySelector(".maker__sample")?.remove();
  maker.dispatchEvent(new CustomEvent("slot-changed"));
});

// The price comes anew with each choice; what of it was unfolded stays so.
const unfolded = new Map();
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  if (detail.target.id !== "price") return;
  for (const fold of document.querySelectorAll("[data-stays]")) unfolded.set(fold.id, fold.open);
});
document.addEventListener("htmx:afterSwap", ({ detail }) => {
  if (detail.target.id !== "price") return;
  for (const fold of document.querySelectorAll("[data-stays]")) fold.open = unfolded.get(fold.id) ?? fold.open;
});

function sum() {
  const { output_format: format, output_quality: quality, takes, captions, project } = maker.elements;
  const chosen = [`${format.selectedOptions[0].textContent}, quality ${quality.value}`];
  if (Number(takes.value) > 1) chosen.push(`${takes.value} takes`);
  if (captions.selectedIndex > 0) chosen.push(`captions: ${captions.selectedOptions[0].textContent.toLowerCase()}`);
  maker.querySelector("[data-summary]").textContent = chosen.join(" · ");
  if (project) maker.querySelector("[data-goes-to]").textContent = project.selectedOptions[0].textContent;
}

maker.addEventListener("change", sum);
sum();
