// What polls asks again by itself when it is swapped in. When an answer never came, there is no swap: try once more.
// A press on what is swapped away before its release would be lost, so what comes meanwhile waits for the release.

const PAUSE_MS = 10_000;

function again(event) {
  const { elt, xhr } = event.detail;
  const gone = xhr && (xhr.status === 403 || xhr.status === 404);
  if (!elt.matches("[data-poll]") || gone) return;
  setTimeout(() => {
    if (elt.isConnected) window.htmx.trigger(elt, "retry");
  }, PAUSE_MS);
}

for (const failure of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
  document.addEventListener(failure, again);
}

let pressed = null;
const waiting = new Map(); // what is to be done with an element then

function release() {
  pressed = null;
  for (const [element, swap] of waiting) if (element.isConnected) swap(element);
  waiting.clear();
}

document.addEventListener("pointerdown", ({ target }) => (pressed = target), true);
// The click comes right after the release.
for (const end of ["pointerup", "pointercancel"]) document.addEventListener(end, () => setTimeout(release), true);

document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  if (!detail.target.contains(pressed)) return;
  detail.shouldSwap = false;
  waiting.set(detail.requestConfig.elt, (asker) => window.htmx.trigger(asker, "retry"));
});

// What comes beside the answer is not asked for by itself.
document.addEventListener("htmx:oobBeforeSwap", ({ detail }) => {
  if (!detail.target.contains(pressed)) return;
  detail.shouldSwap = false;
  const { outerHTML } = detail.fragment.firstElementChild;
  waiting.set(detail.target, (target) => {
    window.htmx.swap(target, outerHTML, { swapStyle: "outerHTML" }, { eventInfo: { target } });
  });
});
