// The preview of a dropped file by keyboard: arrows move from row to row, a letter presses
// the button that carries it. Without this script the buttons are clicked.

const isTyping = (target) => Boolean(target.closest("input, select, textarea, [contenteditable]"));

function start(form) {
  const rows = [...form.querySelectorAll("[data-row]")];
  const rowOf = (target) => rows.findIndex((row) => row.contains(target));
  let at = Math.max(0, rows.findIndex((row) => row.hasAttribute("data-open-row")));

  const go = (next) => {
    at = Math.max(0, Math.min(rows.length - 1, next));
    rows[at].querySelector("[data-open]").focus();
  };

  form.addEventListener("focusin", (event) => {
    const found = rowOf(event.target);
    if (found >= 0) at = found;
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || isTyping(event.target)) return;
    if (document.querySelector("dialog[open]")) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      go(at + (event.key === "ArrowDown" ? 1 : -1));
    } else if (/^[a-z]$/.test(event.key)) {
      const button = rows[at]?.querySelector(`[data-key="${event.key}"]`);
      if (!button) return;
      event.preventDefault();
      form.requestSubmit(button);
    }
  });
}

for (const form of document.querySelectorAll("form[data-decide]")) start(form);
