// What polls asks again by itself when it is swapped in. When an answer never came, there is no swap: try once more.

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

// A press on what is swapped away before its release would be lost. So what polls is asked once more after the release,
// and what comes beside an answer waits for it.

const CLICK_MS = 100; // after the release; a finger's click is a task of its own
let pressed = null;
let timer = 0;
const waiting = new Map(); // what is to be done with an element then

function release() {
  const due = [...waiting];
  waiting.clear();
  [pressed, timer] = [null, 0];
  for (const [element, act] of due) if (element.isConnected) act(element);
}

function soon() {
  timer ||= setTimeout(release, CLICK_MS);
}

document.addEventListener(
  "pointerdown",
  ({ target, button }) => {
    clearTimeout(timer);
    timer = 0;
    if (button === 0) pressed = target;
  },
  true,
);
for (const end of ["pointerup", "pointercancel", "contextmenu", "dragend"]) document.addEventListener(end, soon, true);
// A release outside of the window is not told.
document.addEventListener("pointermove", ({ buttons }) => pressed && !buttons && soon(), true);

function askAgain(asker) {
  // A form that the click has sent leaves the page, and would look unsent.
  const sent = asker.closest("[data-sent]") ?? asker.querySelector("[data-sent]");
  setTimeout(() => asker.isConnected && window.htmx.trigger(asker, "retry"), sent ? PAUSE_MS : 0);
}

document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const { elt } = detail.requestConfig;
  const asksAgain = elt.matches('[hx-trigger*="retry"], [hx-trigger*="every"]');
  if (!detail.shouldSwap || !asksAgain || !detail.target.contains(pressed)) return;
  detail.shouldSwap = false;
  waiting.set(elt, askAgain);
});

// A menu that the press has opened stays open.
function swap(old, fresh) {
  const menu = fresh.querySelector("details.menu");
  if (menu) menu.open = old.querySelector("details.menu")?.open ?? false;
  window.htmx.swap(old, fresh.outerHTML, { swapStyle: "outerHTML" }, { eventInfo: { target: old } });
}

document.addEventListener("htmx:oobBeforeSwap", ({ detail }) => {
  if (!detail.target.contains(pressed)) return;
  detail.shouldSwap = false;
  const fresh = detail.fragment.firstElementChild;
  waiting.set(detail.target, (old) => swap(old, fresh));
});
