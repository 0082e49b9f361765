// <button data-copy="id"> copies the text of the element with that id, and says so for a moment.
// Without a clipboard (plain http on another host than this one) the text is selected instead.

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  const source = button && document.getElementById(button.dataset.copy);
  if (!source) return;
  const label = button.querySelector("[data-label]");
  try {
    await navigator.clipboard.writeText(source.textContent.trim());
    say(label, "Copied");
  } catch {
    getSelection().selectAllChildren(source);
    say(label, "Selected");
  }
});

function say(label, word) {
  label.dataset.usual ??= label.textContent;
  label.textContent = word;
  setTimeout(() => {
    label.textContent = label.dataset.usual;
  }, 2000);
}
