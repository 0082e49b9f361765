// <span data-since="2026-01-02T03:04:05Z"> counts up between two looks at the server; every <time> tells the exact
// moment in the reader's own time zone on hover.

function elapsed(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}

function tick() {
  for (const clock of document.querySelectorAll("[data-since]")) {
    clock.textContent = elapsed((Date.now() - Date.parse(clock.dataset.since)) / 1000);
  }
}

function turn() {
  for (const face of document.querySelectorAll("[data-dial]")) {
    const gone = (Date.now() - Date.parse(face.dataset.dial)) / 1000 / Math.max(1, face.dataset.most);
    face.querySelector(".dial__gone").setAttribute("stroke-dasharray", `${Math.min(100, 100 * gone)} 100`);
  }
}

const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });

function localise() {
  for (const time of document.querySelectorAll("time[datetime]:not([data-local])")) {
    time.dataset.local = "";
    time.title = exact.format(new Date(time.dateTime));
  }
}

setInterval(() => {
  tick();
  turn();
}, 1000);
document.addEventListener("htmx:load", () => {
  tick();
  localise();
});
tick();
localise();
