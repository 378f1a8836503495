// Forms of gifts: Enter moves on instead of sending half a form, Ctrl+Enter sends, the grid of
// slips counts along, the place of money follows the channel, and in the queue of unclear
// purposes one key a fund presses its button.
// Without this script the buttons do the same and the server counts.

import { readFen, writeYuan } from "./sum-lines.js";

const isShown = (control) => control.offsetParent !== null && !control.matches(".visually-hidden");

function count(form) {
  const slips = form.querySelector("[data-count]");
  if (!slips) return;
  const amounts = [...form.querySelectorAll("[data-amount]")].filter((field) => field.value.trim());
  const parts = amounts.map((field) => readFen(field.value));
  slips.textContent = String(amounts.length);
  const sum = parts.reduce((total, part) => total + (part ?? 0), 0);
  form.querySelector("[data-sum]").textContent = parts.includes(null) ? "?" : writeYuan(sum);
}

function onKey(form, event) {
  const target = event.target;
  if (event.isComposing || event.key !== "Enter") return; // Enter here may end a Chinese input
  if (event.ctrlKey) {
    event.preventDefault();
    form.requestSubmit(form.querySelector("[data-submit]") ?? undefined);
    return;
  }
  if (/^(BUTTON|TEXTAREA|A|SUMMARY)$/.test(target.tagName)) return;
  event.preventDefault();
  const controls = [...form.querySelectorAll("input:not([type=hidden]), select, textarea, button")];
  const open = controls.filter((control) => control === target || (!control.disabled && isShown(control)));
  open[open.indexOf(target) + 1]?.focus();
}

/** Offers the places at which money of the chosen channel arrives, the usual one first. */
function followChannel(form) {
  const [channel, place] = [form.elements.channel, form.elements.place];
  if (!channel || !place?.dataset.places) return;
  const fitting = JSON.parse(place.dataset.places);
  const fit = (isChosen) => {
    const codes = fitting[channel.value] ?? [];
    for (const option of place.options) option.disabled = !codes.includes(option.value);
    if (isChosen && !codes.includes(place.value) && codes.length) place.value = codes[0];
  };
  channel.addEventListener("change", () => fit(true));
  fit(false);
}

for (const form of document.querySelectorAll("form[data-gift-entry]")) {
  followChannel(form);
  form.addEventListener("keydown", (event) => onKey(form, event));
  form.addEventListener("input", () => count(form));
  count(form);
}

const queue = document.querySelector("form[data-fund-keys]");
if (queue) {
  document.addEventListener("keydown", (event) => {
    const isTyping = event.target.closest("input:not([type=checkbox]), select, textarea");
    const isOther = event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.repeat;
    if (isOther || isTyping) return;
    if (document.querySelector("dialog[open]")) return;
    queue.querySelector(`[data-press="${CSS.escape(event.key)}"]`)?.click();
  });
}
