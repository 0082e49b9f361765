// <div data-fetch="/address/"> is replaced by what stands at that address, as soon as it is on the page.

function fetchAll(root) {
  for (const each of root.querySelectorAll("[data-fetch]")) {
    const from = each.dataset.fetch;
    delete each.dataset.fetch;
    window.htmx.ajax("GET", from, { target: each, swap: "outerHTML" });
  }
}

document.addEventListener("htmx:load", (event) => fetchAll(event.detail.elt.parentElement ?? document));
if (window.htmx) fetchAll(document);
