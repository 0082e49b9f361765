// A video that gets ready while somebody looks comes into the light, once. What was ready before just stands there.

const waiting = new Set();

function look(root) {
  for (const each of root.querySelectorAll("[data-moment]")) {
    const isReady = each.matches("[data-preview]") || each.querySelector("[data-player]");
    if (!isReady) waiting.add(each.dataset.moment);
    else if (waiting.delete(each.dataset.moment)) each.classList.add("is-fresh");
  }
}

document.addEventListener("htmx:load", ({ detail }) => look(detail.elt.parentElement ?? document));
look(document);
