// A voice as a waveform that plays: one at a time, seekable by mouse, finger and arrow keys.

const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

function show(wave) {
  const audio = wave.querySelector("audio");
  const length = Number(wave.dataset.ms) / 1000;
  const at = Math.min(audio.currentTime, length);
  const seek = wave.querySelector("[data-wave-seek]");
  wave.style.setProperty("--played", `${(at / length) * 100}%`);
  wave.querySelector("[data-wave-now]").textContent = clock(at);
  seek.value = String(Math.round(at * 1000));
  seek.setAttribute("aria-valuetext", `${at.toFixed(1)} of ${length.toFixed(1)} seconds`);
}

function follow(wave) {
  show(wave);
  if (wave.classList.contains("wave--playing")) requestAnimationFrame(() => follow(wave));
}

function setUp(wave) {
  if (wave.dataset.wave === "on") return;
  wave.dataset.wave = "on";
  const audio = wave.querySelector("audio");
  const button = wave.querySelector("[data-wave-play]");
  const name = button.getAttribute("aria-label");
  const turn = (playing) => {
    wave.classList.toggle("wave--playing", playing);
    button.setAttribute("aria-label", playing ? name.replace(/^Play/, "Pause") : name);
    follow(wave);
  };
  button.addEventListener("click", () => (audio.paused ? audio.play() : audio.pause()));
  audio.addEventListener("play", () => {
    for (const other of document.querySelectorAll("audio, video")) if (other !== audio) other.pause();
    turn(true);
  });
  audio.addEventListener("pause", () => turn(false));
  audio.addEventListener("ended", () => {
    audio.currentTime = 0;
    turn(false);
  });
  const seek = wave.querySelector("[data-wave-seek]");
  seek.addEventListener("input", () => {
    audio.currentTime = Number(seek.value) / 1000;
    show(wave);
  });
  // Where somebody listens is no input of the form around it.
  seek.addEventListener("change", (event) => event.stopPropagation());
}

function setUpAll(root) {
  for (const wave of root.querySelectorAll("[data-wave]")) setUp(wave);
}

document.addEventListener("htmx:load", (event) => setUpAll(event.detail.elt.parentElement ?? document));
setUpAll(document);
