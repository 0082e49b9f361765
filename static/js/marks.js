// Videos that are marked, and the bar with what can be done to them.

const form = document.querySelector("[data-marks]");

if (form) {
  const bar = form.querySelector("[data-marks-bar]");
  const boxes = () => [...form.querySelectorAll(".mark input")];

  const show = () => {
    const marked = boxes().filter((box) => box.checked).length;
    form.classList.toggle("marks--some", marked > 0);
    bar.querySelector("[data-marks-count]").textContent = marked;
  };
  const mark = (all) => {
    for (const box of boxes()) box.checked = all;
    show();
  };

  form.classList.add("marks--live");
  form.addEventListener("change", show);
  bar.querySelector("[data-marks-all]").addEventListener("click", () => mark(true));
  bar.querySelector("[data-marks-none]").addEventListener("click", () => mark(false));
  // Enter in the field of tags tags; it does not press the first button that there is.
  bar.querySelector("#marks-tags").addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    form.requestSubmit(bar.querySelector("[value=tag]"));
  });
  // A download leaves the page where it is, so the form can be sent again.
  form.addEventListener("submit", (event) => {
    if (!event.submitter?.hasAttribute("data-marks-stays")) return;
    setTimeout(() => {
      delete form.dataset.sent;
      event.submitter.removeAttribute("aria-busy");
    });
  });
  window.addEventListener("pageshow", show);
  show();
}
