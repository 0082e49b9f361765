// What polls asks again by itself when it is swapped in. When an answer never came, there is no swap: try once more.
// A press on what is swapped away before its release would be lost, so what comes meanwhile is asked for once more.

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
const putOff = new Set();

function askForWhatWasPutOff() {
  pressed = null;
  for (const asker of putOff) if (asker.isConnected) window.htmx.trigger(asker, "retry");
  putOff.clear();
}

document.addEventListener("pointerdown", ({ target }) => (pressed = target), true);
// The click comes right after the release.
for (const end of ["pointerup", "pointercancel"]) document.addEventListener(end, () => setTimeout(askForWhatWasPutOff), true);

document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  if (!detail.target.contains(pressed)) return;
  detail.shouldSwap = false;
  putOff.add(detail.requestConfig.elt);
});
