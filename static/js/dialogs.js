// <button data-dialog="id"> opens the <dialog id>; [data-close] inside closes it, and so does a click on the veil.
// Whatever htmx loads into #dialog opens it.

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog]");
  if (opener) {
    document.getElementById(opener.dataset.dialog)?.showModal();
    return;
  }
  const dialog = event.target.closest("dialog");
  if (!dialog) return;
  if (event.target === dialog && !inside(dialog, event)) dialog.close();
  if (event.target.closest("[data-close]")) {
    event.preventDefault();
    dialog.close();
  }
});

// The veil belongs to the dialog element, so its clicks are those outside of its box.
function inside(dialog, event) {
  const box = dialog.getBoundingClientRect();
  return event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
}

document.addEventListener("htmx:afterSwap", (event) => {
  const { target } = event.detail;
  if (target.id !== "dialog") return;
  for (const menu of document.querySelectorAll("details.menu[open]")) menu.open = false;
  if (!target.open) target.showModal();
});
