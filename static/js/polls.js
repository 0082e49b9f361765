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
