// The address of the form names what is on it, so that nothing is lost by a reload, "back", signing in anew, or going to
// pay. What the address has no room for, and what may hold a key, stays in this tab's own storage beside it.

const LONGEST = 1500;
const APART = ["upload_endpoint"];
const LONG = ["script", "prompt", "title"];

const maker = document.querySelector("[data-maker]");
const usual = JSON.parse(maker.dataset.draft);
const id = new URLSearchParams(location.search).get("draft")?.match(/^d\w+$/)?.[0] ?? `d${crypto.randomUUID().slice(0, 8)}`;

function stored() {
  try {
    return JSON.parse(sessionStorage.getItem(`draft:${id}`)) ?? {};
  } catch {
    return {}; // No storage here: then a reload forgets what the address can't hold.
  }
}

function store(values) {
  try {
    sessionStorage.setItem(`draft:${id}`, JSON.stringify(values));
  } catch {
    // As above.
  }
}

function bringBack() {
  for (const [name, value] of Object.entries(stored())) {
    const field = maker.elements[name];
    if (field && !field.value) field.value = value;
  }
}

export function remember() {
  const form = new FormData(maker);
  const query = new URLSearchParams({ draft: id });
  for (const [name, without] of Object.entries(usual)) {
    // Of a box and its hidden "no" before it, the last one counts.
    const value = form.getAll(name).at(-1) ?? "";
    if (value && value !== without) query.set(name, value);
  }
  const apart = Object.fromEntries(APART.map((name) => [name, form.get(name)]).filter(([, value]) => value));
  for (const name of LONG) {
    if (query.toString().length <= LONGEST) break;
    apart[name] = query.get(name) ?? "";
    query.delete(name);
  }
  store(apart);
  try {
    history.replaceState(history.state, "", `${location.pathname}?${query}`);
  } catch {
    // A browser that finds this too often in a second takes the next one.
  }
}

bringBack();
for (const change of ["input", "change", "slot-changed"]) maker.addEventListener(change, remember);
// The price comes with choices of its own, and their way to pay leads back here.
document.addEventListener("htmx:afterSettle", (event) => event.target.closest?.("[data-maker]") && remember());
document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-pay]");
  if (!link) return;
  remember();
  const pay = new URL(link.href);
  pay.searchParams.set("next", location.pathname + location.search);
  link.href = pay;
});
if (maker.matches("[data-filled]") || location.search) remember();
