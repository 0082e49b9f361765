// What a browser says when it makes or uses no passkey, in words, where the button is.

const place = document.querySelector("[data-passkeys-say]");

function say(text) {
  place.textContent = text;
  place.hidden = false;
}

document.addEventListener("allauth.error", (event) => {
  event.preventDefault();
  const name = event.detail.exception.name;
  if (name === "InvalidStateError") say("This device has a passkey for this account already.");
  else if (name === "SecurityError") say(NONE_HERE);
  else if (name === "NotAllowedError") say("The browser was not allowed to use a passkey, or you waited too long. Try again.");
  else say("The passkey could not be used. Try again, or sign in with your password.");
});

// Where there are none the button to sign in with one is not shown (base.css), and other pages say why.
const NONE_HERE = "At this address there are no passkeys: they need the site’s own name with https, or localhost.";
if (document.documentElement.classList.contains("no-passkeys") && !document.getElementById("passkey_login")) say(NONE_HERE);
