// A button with data-passkey asks the device (WebAuthn) and sends the form with its answer.
// The question comes from the server as JSON in data-question; the answer goes into the
// hidden field named by data-field. Where the browser knows no passkeys the button stays hidden.

function bytesOf(text) {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (sign) => sign.charCodeAt(0));
}

function textOf(buffer) {
  const plain = String.fromCharCode(...new Uint8Array(buffer));
  return btoa(plain).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

function described(list) {
  return (list ?? []).map((one) => ({ ...one, id: bytesOf(one.id) }));
}

// Browsers have had parse…FromJSON and toJSON for a short time only; this is what they do.
function readQuestion(question) {
  const read = { ...question, challenge: bytesOf(question.challenge) };
  if (question.user) read.user = { ...question.user, id: bytesOf(question.user.id) };
  if (question.excludeCredentials) read.excludeCredentials = described(question.excludeCredentials);
  if (question.allowCredentials) read.allowCredentials = described(question.allowCredentials);
  return read;
}

function writeAnswer(credential) {
  const response = {};
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature"]) {
    if (credential.response[name]) response[name] = textOf(credential.response[name]);
  }
  const { id, type, authenticatorAttachment } = credential;
  return JSON.stringify({ id, rawId: textOf(credential.rawId), type, authenticatorAttachment, response });
}

async function ask(button) {
  const publicKey = readQuestion(JSON.parse(button.dataset.question));
  const credential =
    button.dataset.passkey === "create"
      ? await navigator.credentials.create({ publicKey })
      : await navigator.credentials.get({ publicKey });
  button.form.elements[button.dataset.field].value = writeAnswer(credential);
  button.form.submit();
}

if (globalThis.PublicKeyCredential && navigator.credentials) {
  for (const button of document.querySelectorAll("[data-passkey]")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      const said = button.parentElement.querySelector("[data-passkey-said]");
      said.textContent = "";
      ask(button).catch(() => {
        said.textContent = said.dataset.failed;
      });
    });
  }
}
