// Recording a voice in the browser: a level, a timer, listening to it, doing it again. What is kept is announced as
// "voice-recorded" with the file.

import { level } from "./level.js";

const FORMATS = ["audio/webm;codecs=opus", "audio/mp4", "audio/ogg;codecs=opus"];
const NO_MICROPHONE = "No microphone was found. Connect one and try again.";
const NOT_ALLOWED = "The browser does not let this page use the microphone. Allow it beside the address and try again.";
const dialog = document.querySelector("[data-recorder]");
const part = (name) => dialog.querySelector(`[data-recorder-${name}]`);
const format = window.MediaRecorder && FORMATS.find((each) => MediaRecorder.isTypeSupported(each));
const can = Boolean(format && navigator.mediaDevices?.getUserMedia);

let taking = null; // { recorder, stream, meter, startedAt, timer }
let taken = null; // { blob, url, seconds }

const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

function face(state, words) {
  part("start").hidden = state !== "ready";
  part("stop").hidden = state !== "recording";
  part("again").hidden = part("use").hidden = part("play").hidden = state !== "taken";
  part("level").hidden = state === "taken";
  part("words").textContent = words;
  ["start", "stop", "use"].map(part).find((button) => !button.hidden)?.focus();
}

function reset() {
  if (taken) URL.revokeObjectURL(taken.url);
  taken = null;
  part("play").removeAttribute("src");
  part("time").textContent = "0:00";
  face("ready", "Speak as you would to one person. Two seconds to five minutes.");
}

async function start() {
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  } catch (error) {
    face("ready", error.name === "NotFoundError" ? NO_MICROPHONE : NOT_ALLOWED);
    return;
  }
  if (!dialog.open) {
    for (const track of stream.getTracks()) track.stop();
    return;
  }
  const recorder = new MediaRecorder(stream, { mimeType: format });
  const pieces = [];
  recorder.addEventListener("dataavailable", (event) => pieces.push(event.data));
  recorder.addEventListener("stop", () => finish(pieces));
  taking = { recorder, stream, meter: level(part("level"), stream), startedAt: performance.now(), timer: setInterval(tick, 200) };
  recorder.start(1000);
  face("recording", "Recording. Speak now.");
}

function tick() {
  const seconds = (performance.now() - taking.startedAt) / 1000;
  part("time").textContent = clock(seconds);
  if (seconds >= Number(dialog.dataset.limit) - 0.5) stop();
}

function stop() {
  if (!taking || taking.recorder.state === "inactive") return;
  taking.seconds = (performance.now() - taking.startedAt) / 1000;
  taking.recorder.stop();
}

function release() {
  clearInterval(taking.timer);
  taking.meter.stop();
  for (const track of taking.stream.getTracks()) track.stop();
  const { seconds } = taking;
  taking = null;
  return seconds;
}

function finish(pieces) {
  const seconds = release();
  if (!dialog.open) return;
  const blob = new Blob(pieces, { type: format.split(";")[0] });
  taken = { blob, url: URL.createObjectURL(blob), seconds };
  part("play").src = taken.url;
  part("time").textContent = clock(seconds);
  face("taken", seconds < 2 ? "That was shorter than two seconds. Record it again." : "Listen to it, then use it or record again.");
  part("use").hidden = seconds < 2;
}

function use() {
  const kind = taken.blob.type.split("/")[1];
  const day = new Date().toLocaleString("sv-SE").slice(0, 16).replace(":", ".");
  const file = new File([taken.blob], `Recording ${day}.${kind === "mp4" ? "m4a" : kind}`, { type: taken.blob.type });
  dialog.close();
  document.dispatchEvent(new CustomEvent("voice-recorded", { detail: file }));
}

document.documentElement.classList.toggle("records", can);
if (can) {
  part("start").addEventListener("click", start);
  part("stop").addEventListener("click", stop);
  part("again").addEventListener("click", () => {
    reset();
    start();
  });
  part("use").addEventListener("click", use);
  dialog.addEventListener("close", () => {
    stop();
    reset();
  });
}
