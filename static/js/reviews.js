// Comments at moments of a video: a click on the moment goes there, and the field for one follows the player until
// somebody writes into it.

const player = () => document.querySelector("video");

function spelt(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-seek]");
  const video = player();
  if (!button || !video) return;
  video.currentTime = button.dataset.seek / 1000;
  video.pause();
  video.scrollIntoView({ block: "nearest" });
});

const field = document.querySelector("[data-moment]");
let own = Boolean(field?.value);
field?.addEventListener("input", () => {
  own = field.value !== "";
});
player()?.addEventListener("timeupdate", () => {
  if (field && !own && document.activeElement !== field) field.value = spelt(player().currentTime);
});
