// The card of a finished video plays it without a sound while a mouse or the keyboard's focus is on it.

const PAUSE_MS = 180; // a mouse that only passes starts nothing

const still = matchMedia("(prefers-reduced-motion: reduce)");
let shown = null; // the card
let timer = 0;

function play(card) {
  const video = document.createElement("video");
  Object.assign(video, { src: card.dataset.preview, muted: true, loop: true, playsInline: true });
  video.className = "video-card__preview";
  video.addEventListener("playing", () => card.append(video), { once: true });
  video.play().catch(() => video.remove());
  card.preview = video;
}

function show(card) {
  if (card === shown) return;
  clearTimeout(timer);
  if (shown?.preview) {
    shown.preview.removeAttribute("src"); // ends what is being loaded
    shown.preview.remove();
    delete shown.preview;
  }
  shown = card;
  if (card && !still.matches) timer = setTimeout(play, PAUSE_MS, card);
}

const cardOf = (target) => target.closest?.(".video-card__link")?.querySelector("[data-preview]") ?? null;

document.addEventListener("pointerover", (event) => event.pointerType === "mouse" && show(cardOf(event.target)));
document.addEventListener("focusin", (event) => show(event.target.matches(":focus-visible") ? cardOf(event.target) : null));
