// The drop zone: files dropped anywhere on it, or chosen, are sent at once. Without this
// script they are chosen and sent by the button.

for (const zone of document.querySelectorAll("form[data-drop]")) {
  const input = zone.querySelector("input[type=file]");
  const send = () => {
    if (input.files.length) zone.requestSubmit();
  };
  input.addEventListener("change", send);
  for (const name of ["dragenter", "dragover"]) {
    zone.addEventListener(name, (event) => {
      event.preventDefault();
      zone.dataset.over = "";
    });
  }
  zone.addEventListener("dragleave", () => delete zone.dataset.over);
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    delete zone.dataset.over;
    input.files = event.dataTransfer.files;
    send();
  });
}
