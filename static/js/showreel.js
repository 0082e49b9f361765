// The sample video: it plays without a sound while it is in sight, unless somebody wants no motion or saves data.
// "Hear it" starts it anew with its sound.

const reel = document.querySelector("[data-showreel]");
const video = reel.querySelector("[data-reel]");
const hear = reel.querySelector("[data-reel-hear]");
const pause = reel.querySelector("[data-reel-pause]");
const words = reel.querySelector("[data-reel-words]");
const [captions] = video.textTracks;
const still = matchMedia("(prefers-reduced-motion: reduce)");
let stopped = still.matches || Boolean(navigator.connection?.saveData); // until somebody presses a button

function show() {
  reel.classList.toggle("showreel--playing", !video.paused);
  pause.setAttribute("aria-label", video.paused ? "Play the video" : "Pause the video");
  hear.querySelector("[data-label]").textContent = video.paused || video.muted ? "Hear it" : "Mute it";
}

function play() {
  video.play().catch(() => {
    stopped = true; // the browser lets nothing play by itself
  });
}

hear.addEventListener("click", () => {
  const heard = !video.paused && !video.muted;
  video.muted = heard;
  if (heard) return;
  stopped = false;
  video.currentTime = 0;
  play();
});

pause.addEventListener("click", () => {
  stopped = !video.paused;
  if (stopped) video.pause();
  else play();
});

still.addEventListener("change", () => {
  stopped = still.matches;
  if (stopped) video.pause();
});

for (const change of ["play", "pause", "volumechange"]) video.addEventListener(change, show);

new IntersectionObserver(([{ isIntersecting }]) => {
  if (isIntersecting && !stopped) play();
  else if (!isIntersecting && video.muted) video.pause();
}, { threshold: 0.4 }).observe(video);

// The browser's own captions jump as they come.
captions.mode = "hidden";
captions.addEventListener("cuechange", () => {
  words.textContent = captions.activeCues[0]?.text ?? "";
});
video.controls = false;
show();
