// Takes side by side: one button and one head for all. The first take speaks, since all say the same; the others follow it.

const DRIFT = 0.12; // seconds that a take may be off before it is put right

const root = document.querySelector("[data-takes]");
const takes = [...root.querySelectorAll("[data-take]")];
const [first] = takes;
const button = root.querySelector("[data-play]");
const head = root.querySelector("[data-head]");
const clock = root.querySelector("[data-clock]");

const length = () => Math.max(...takes.map((take) => take.duration || 0));
const spelt = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

function show() {
  const playing = !first.paused;
  button.setAttribute("aria-pressed", String(playing));
  button.querySelector("[data-word]").textContent = playing ? "Pause" : "Play all";
  if (length()) head.value = Math.round((first.currentTime / length()) * 1000);
  clock.textContent = spelt(first.currentTime);
}

function follow() {
  for (const take of takes) {
    if (take !== first && Math.abs(take.currentTime - first.currentTime) > DRIFT && !take.ended) {
      take.currentTime = first.currentTime;
    }
  }
  show();
}

if (first) {
  button.addEventListener("click", () => {
    if (first.paused) for (const take of takes) take.play().catch(() => {});
    else for (const take of takes) take.pause();
  });
  head.addEventListener("input", () => {
    const to = (head.value / 1000) * length();
    for (const take of takes) take.currentTime = Math.min(to, take.duration || to);
  });
  first.addEventListener("timeupdate", follow);
  first.addEventListener("ended", () => takes.forEach((take) => take.pause()));
  for (const name of ["play", "pause", "seeked", "loadedmetadata"]) first.addEventListener(name, show);
}
