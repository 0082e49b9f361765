// Sending one file with progress. XMLHttpRequest, because fetch can't tell how much has left.

const SIGNED_OUT = "You are signed out, so the file was not taken. Load the page again and sign in; what you typed stays.";

/**
 * @param {string} url
 * @param {FormData} form
 * @param {(share: number) => void} progress share from 0 to 1
 * @returns {{done: Promise<XMLHttpRequest>, stop: () => void}} done fails with a sentence for the person
 */
export function send(url, form, progress) {
  const request = new XMLHttpRequest();
  const done = new Promise((resolve, reject) => {
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) progress(event.loaded / event.total);
    });
    request.addEventListener("load", () => {
      // Led elsewhere: the sign-in page came back, and the file was not read.
      if (new URL(request.responseURL).pathname !== new URL(url, location.href).pathname) reject(new Error(SIGNED_OUT));
      else if (request.status === 200 || request.status === 422) resolve(request);
      else reject(new Error(sentence(request.status)));
    });
    request.addEventListener("error", () =>
      reject(new Error("The upload broke off. Check your connection and choose the file again.")),
    );
    request.addEventListener("abort", () => reject(new Error("")));
  });
  request.open("POST", url);
  request.setRequestHeader("X-CSRFToken", form.get("csrfmiddlewaretoken"));
  request.setRequestHeader("X-Requested-With", "XMLHttpRequest");
  request.send(form);
  return { done, stop: () => request.abort() };
}

function sentence(status) {
  if (status === 413) return "The file is too large for this server. Choose a smaller one.";
  if (status === 403) return "You are not allowed to upload here. Load the page again, and sign in if you are asked to.";
  if (status === 503) return "Files can’t be taken at the moment. What you typed stays: choose the file again in a minute.";
  return "The server could not take the file. Try again in a moment.";
}
