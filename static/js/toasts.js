// Toasts leave by themselves, except bad news, which waits to be read.

const STAY_MS = 7000;

function dismiss(toast) {
  toast.remove();
}

for (const toast of document.querySelectorAll(".toast:not(.toast--error, .toast--warning)")) {
  let timer = setTimeout(dismiss, STAY_MS, toast);
  toast.addEventListener("pointerenter", () => clearTimeout(timer));
  toast.addEventListener("focusin", () => clearTimeout(timer));
  toast.addEventListener("pointerleave", () => {
    timer = setTimeout(dismiss, STAY_MS, toast);
  });
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-dismiss]");
  if (button) dismiss(button.closest(".toast"));
});

export function toast(text, kind = "error") {
  const box = document.createElement("div");
  box.className = `toast toast--${kind}`;
  const words = document.createElement("p");
  words.className = "grow";
  words.textContent = text;
  const close = document.createElement("button");
  close.className = "button button--quiet button--small toast__close";
  close.type = "button";
  close.dataset.dismiss = "";
  close.textContent = "Dismiss";
  box.append(words, close);
  document.getElementById("toasts")?.append(box);
}

// htmx says nothing when a request fails; a person should know.
document.addEventListener("htmx:sendError", (event) => {
  if (!event.detail.elt.closest("[data-poll], [data-quiet]")) toast("The server can't be reached. Check your connection and try again.");
});
