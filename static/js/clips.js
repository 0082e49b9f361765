// The clip of a model plays twice when it comes into sight, and again when a mouse or the keyboard comes to its card:
// it never goes on by itself for more than some seconds, and not at all for who wants no motion or saves data.

const ROUNDS = 2;
const still = matchMedia("(prefers-reduced-motion: reduce)");

function play(clip) {
  if (still.matches || navigator.connection?.saveData || !clip.paused) return;
  clip.rounds = ROUNDS;
  clip.play().catch(() => {}); // the browser lets nothing play by itself: the still stays
}

for (const clip of document.querySelectorAll("[data-clip]")) {
  clip.addEventListener("playing", () => clip.classList.add("model__picture--plays"));
  clip.addEventListener("ended", () => {
    clip.rounds -= 1;
    if (clip.rounds > 0) clip.play().catch(() => {});
  });
  const card = clip.closest(".model");
  for (const come of ["pointerenter", "focusin"]) card.addEventListener(come, () => play(clip));
  new IntersectionObserver(([{ isIntersecting }], watch) => {
    if (!isIntersecting) return;
    watch.disconnect();
    play(clip);
  }, { threshold: 0.6 }).observe(clip);
}
