// "Tell me in this browser": a notice by the system once the video on this page has ended, or is late, as long as the
// tab is open. Only where the browser has such notices and the person allows them.

const KEY = "tell-here";

function wished() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY)) ?? [];
  } catch {
    return [];
  }
}

function remember(ids) {
  sessionStorage.setItem(KEY, JSON.stringify(ids));
}

function offer() {
  const button = document.querySelector("[data-tell-here]");
  if (!button || !("Notification" in window) || Notification.permission === "denied") return;
  const told = Notification.permission === "granted" && wished().includes(button.dataset.tellHere);
  button.textContent = told ? "Told in this browser, while this tab is open" : "Tell me in this browser";
  button.hidden = false;
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-tell-here]");
  if (!button) return;
  const id = button.dataset.tellHere;
  if (wished().includes(id)) remember(wished().filter((one) => one !== id));
  else if ((await Notification.requestPermission()) === "granted") remember([...wished(), id]);
  offer();
});

let last = ""; // what is told comes with more than one swap

function tell(text) {
  const page = document.querySelector("[data-render]");
  if (!text || text === last || !page || !wished().includes(page.dataset.render)) return;
  last = text;
  new Notification(page.dataset.title, { body: text, tag: page.dataset.render });
}

document.addEventListener("htmx:oobAfterSwap", (event) => {
  if (event.detail.target.id === "news") tell(document.getElementById("news").textContent.trim());
});
document.addEventListener("htmx:load", offer);
offer();
