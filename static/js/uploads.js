// The page of uploads: any number of files, one after the other, each with its progress and its own refusal.

import { dropsOn } from "./drops.js";
import { send } from "./sending.js";

const form = document.querySelector("[data-uploads]");

function line(file) {
  const row = document.createElement("li");
  row.className = "queued";
  const name = document.createElement("span");
  name.className = "cut";
  name.textContent = file.name;
  const words = document.createElement("span");
  words.className = "figures";
  const meter = document.createElement("progress");
  meter.className = "meter";
  meter.max = 100;
  meter.value = 0;
  meter.setAttribute("aria-label", `Upload of ${file.name}`);
  row.append(name, words, meter);
  form.querySelector("[data-queue]").append(row);
  return { row, words, meter };
}

async function upload(file) {
  const { row, words, meter } = line(file);
  const body = new FormData();
  for (const field of ["csrfmiddlewaretoken", "kind"]) body.set(field, form.elements[field].value);
  body.set("as", "sentence");
  body.set("file", file, file.name);
  let refusal = "";
  try {
    const answer = await send(form.action, body, (share) => {
      meter.value = Math.round(share * 100);
      words.textContent = share < 1 ? `${Math.round(share * 100)} %` : "Looking at it…";
    }).done;
    if (answer.status === 422) refusal = answer.responseText;
  } catch (error) {
    refusal = error.message;
  }
  meter.remove();
  words.textContent = refusal || "Added";
  row.classList.toggle("queued--bad", Boolean(refusal));
  return !refusal;
}

async function take(files) {
  let added = 0;
  for (const file of files) added += Number(await upload(file));
  if (added === files.length && added) window.location.assign(window.location.pathname + `?kind=${form.elements.kind.value}`);
}

if (form) {
  form.addEventListener("change", (event) => {
    if (!event.target.matches("[data-file]")) return;
    const files = [...event.target.files];
    event.target.value = "";
    take(files);
  });
  dropsOn(document.getElementById("main"), (target) => target.closest?.("[data-uploads]"), take);
}
