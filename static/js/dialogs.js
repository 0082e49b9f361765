// <button data-dialog="id"> opens the <dialog id>; [data-close] inside closes it, and so does a click on the veil.

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog]");
  if (opener) {
    const dialog = document.getElementById(opener.dataset.dialog);
    opener.closest("details.menu")?.removeAttribute("open");
    dialog?.showModal();
    return;
  }
  const dialog = event.target.closest("dialog");
  if (!dialog) return;
  if (event.target === dialog || event.target.closest("[data-close]")) dialog.close();
});

// A form that came back with a mistake is shown again at once.
for (const dialog of document.querySelectorAll("dialog[data-open]")) dialog.showModal();
