// A list to work through by keyboard: arrows move, x marks, a marks all, Enter opens; the
// number and sum of what is marked stand on the button. Without this script boxes are ticked.

import { writeYuan } from "./sum-lines.js";

const FIELDS = "input:not([type=checkbox]), select, textarea, [contenteditable]";
const isTyping = (target) => Boolean(target.closest(FIELDS));

function start(form) {
  const rows = [...form.querySelectorAll("[data-row]")];
  const boxes = [...form.querySelectorAll("input[name=ids]")];
  const count = form.querySelector("[data-marked]");
  let at = -1;

  const show = () => {
    const marked = boxes.filter((box) => box.checked);
    const fen = marked.reduce((sum, box) => sum + Number(box.dataset.fen), 0);
    if (count) count.textContent = marked.length ? `${marked.length} · ¥${writeYuan(fen)}` : "";
  };
  const go = (next) => {
    at = Math.max(0, Math.min(rows.length - 1, next));
    rows[at].querySelector("[data-open]").focus();
  };

  form.addEventListener("change", show);
  form.addEventListener("focusin", (event) => {
    const row = event.target.closest("[data-row]");
    if (row) at = rows.indexOf(row);
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || isTyping(event.target)) return;
    if (document.querySelector("dialog[open]")) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      go(at + (event.key === "ArrowDown" ? 1 : -1));
    } else if (event.key === "x" && at >= 0) {
      const box = rows[at].querySelector("input[name=ids]");
      if (box) box.checked = !box.checked;
      show();
    } else if (event.key === "a") {
      const isEvery = boxes.every((box) => box.checked);
      for (const box of boxes) box.checked = !isEvery;
      show();
    }
  });
  show();
}

for (const form of document.querySelectorAll("form[data-queue]")) start(form);
