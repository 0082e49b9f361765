// An operation of the API is asked for from its page, with a token that this tab keeps until it is closed.

const KEPT = "api-token";
const form = document.querySelector("[data-tryout]");
const token = form.querySelector("[data-token]");
const answer = document.querySelector("[data-answer]");
token.value = sessionStorage.getItem(KEPT) ?? "";

const fields = (where) => [...form.querySelectorAll(`[data-in="${where}"]`)].filter((field) => field.value !== "");

function address() {
  let path = form.dataset.path;
  for (const { name, value } of fields("path")) path = path.replace(`{${name}}`, encodeURIComponent(value));
  const query = new URLSearchParams(fields("query").map(({ name, value }) => [name, value]));
  return query.size ? `${path}?${query}` : path;
}

function request() {
  const headers = new Headers(fields("header").map(({ name, value }) => [name, value]));
  headers.set("Authorization", `Bearer ${token.value.trim()}`);
  const [text] = fields("body");
  let body;
  if (text) {
    headers.set("Content-Type", "application/json");
    body = text.value;
  } else if (form.querySelector("[data-in='form']")) {
    body = new FormData();
    for (const field of fields("form")) body.append(field.name, field.files?.[0] ?? field.value);
  }
  return { method: form.dataset.tryout, headers, body, credentials: "omit" };
}

function readable(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function show(status, took, body) {
  answer.hidden = false;
  answer.querySelector("[data-answer-status]").textContent = status;
  answer.querySelector("[data-answer-took]").textContent = took;
  answer.querySelector("[data-answer-body]").textContent = body;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  sessionStorage.setItem(KEPT, token.value.trim());
  const button = form.querySelector("button");
  button.setAttribute("aria-busy", "true");
  const begun = performance.now();
  try {
    const response = await fetch(address(), request());
    const isText = /json|text/.test(response.headers.get("content-type") ?? "");
    const body = isText ? readable(await response.text()) : `${(await response.blob()).size} bytes`;
    show(`${response.status} ${response.statusText}`, `${Math.round(performance.now() - begun)} ms`, body);
  } catch (error) {
    show("Nothing came back", "", `${error.message}. Check the token and your connection.`);
  }
  button.removeAttribute("aria-busy");
});
