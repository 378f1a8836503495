// A form or button with data-confirm asks that sentence in a dialog before it is sent.
// Without this script the form is sent at once, and the server asks on a page of its own
// where the act cannot be undone.

const dialog = document.querySelector("dialog[data-confirm-dialog]");
let pending = null;

if (dialog) {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    const sentence = event.submitter?.dataset.confirm ?? form.dataset.confirm;
    if (!sentence || form.dataset.isConfirmed === "yes") return;
    event.preventDefault();
    pending = { form, submitter: event.submitter };
    dialog.querySelector("[data-confirm-sentence]").textContent = sentence;
    dialog.returnValue = "";
    dialog.showModal();
  });

  dialog.addEventListener("close", () => {
    const { form, submitter } = pending ?? {};
    pending = null;
    if (dialog.returnValue !== "yes" || !form) {
      submitter?.focus();
      return;
    }
    form.dataset.isConfirmed = "yes";
    form.requestSubmit(submitter ?? undefined);
    delete form.dataset.isConfirmed;
  });
}
