// The voucher form: running totals, and the keys of people who enter two hundred rows a day.
//
//   <form data-sum-lines>
//     <tr data-line>  inputs with data-role="summary", "fund", "debit", "credit", others without
//     <button data-add-line>            clones <template data-line-template> (__index__ = next number)
//     <td data-total="debit">  <td data-total="credit">  <td data-difference>
//
// Enter moves on (in an empty 摘要 it first copies the line above), Ctrl+Enter sends, "="
// fills the amount that balances the line's fund, Space turns an amount to the other side.
// The server decides; this only counts along.

const MAX_FEN = 10_000_000_000_000;

/** Return the fen of a typed amount, 0 for an empty one, null when it cannot be read. */
export function readFen(text) {
  const digits = text.normalize("NFKC").replaceAll(",", "").replace("−", "-");
  const plain = digits.replace(/^[¥\s]+|[元\s]+$/g, "");
  if (plain === "") return 0;
  const match = /^(-?)(\d{1,13})(?:\.(\d{0,2}))?$/.exec(plain);
  if (!match) return null;
  const fen = Number(match[2]) * 100 + Number((match[3] ?? "").padEnd(2, "0"));
  if (fen > MAX_FEN) return null;
  return match[1] && fen ? -fen : fen;
}

/** Return fen as yuan with two decimals; grouped with commas for reading. */
export function writeYuan(fen, isGrouped = true) {
  const whole = Math.abs(fen);
  const yuan = String(Math.floor(whole / 100));
  const grouped = isGrouped ? yuan.replace(/\B(?=(\d{3})+$)/g, ",") : yuan;
  return `${fen < 0 ? "-" : ""}${grouped}.${String(whole % 100).padStart(2, "0")}`;
}

/** Say whether a control can be seen: neither hidden nor inside folded details. */
const isShown = (control) =>
  control.checkVisibility
    ? control.checkVisibility({ checkVisibilityCSS: true })
    : Boolean(control.offsetParent);

const inLine = (line, role) => line.querySelector(`[data-role="${role}"]`);
const linesOf = (form) => [...form.querySelectorAll("[data-line]")];
const fundOf = (line) => inLine(line, "fund")?.value ?? "";
const fenOf = (line, role) => readFen(inLine(line, role)?.value ?? "");

/** Return debit and credit in fen over the lines; null where an amount cannot be read. */
export function totals(lines) {
  const sum = (role) => {
    const parts = lines.map((line) => fenOf(line, role));
    return parts.includes(null) ? null : parts.reduce((total, part) => total + part, 0);
  };
  return { debit: sum("debit"), credit: sum("credit") };
}

function show(form) {
  const lines = linesOf(form);
  const { debit, credit } = totals(lines);
  for (const [name, fen] of [["debit", debit], ["credit", credit]]) {
    const cell = form.querySelector(`[data-total="${name}"]`);
    if (cell) cell.textContent = fen === null ? "?" : writeYuan(fen);
  }
  const cell = form.querySelector("[data-difference]");
  if (!cell) return;
  const names = new Map(
    lines.map((line) => [fundOf(line), inLine(line, "fund")?.selectedOptions?.[0]?.textContent ?? ""]),
  );
  const open = [...names].flatMap(([fund, name]) => {
    const part = totals(lines.filter((line) => fundOf(line) === fund));
    const fen = part.debit - part.credit;
    return fen ? [`${name.trim()} ${writeYuan(fen)}`.trim()] : [];
  });
  cell.textContent = open.join(" · ");
  const isOff = debit === null || credit === null || debit !== credit;
  cell.dataset.state = isOff ? "bad" : open.length ? "moved" : "ok"; // moved: re-tag lines follow
}

/** Fill the amount that balances the line's fund, on the side that needs it. */
function balance(form, line) {
  const others = linesOf(form).filter((other) => other !== line && fundOf(other) === fundOf(line));
  const { debit, credit } = totals(others);
  if (debit === null || credit === null || debit === credit) return;
  const [full, empty] = debit > credit ? ["credit", "debit"] : ["debit", "credit"];
  inLine(line, full).value = writeYuan(Math.abs(debit - credit), false);
  inLine(line, empty).value = "";
  inLine(line, full).focus();
}

function turn(line, role) {
  const other = role === "debit" ? "credit" : "debit";
  const [from, to] = [inLine(line, role), inLine(line, other)];
  [from.value, to.value] = [to.value, from.value];
  to.focus();
}

function copyAbove(form, line) {
  const lines = linesOf(form);
  const above = lines[lines.indexOf(line) - 1];
  if (above) inLine(line, "summary").value = inLine(above, "summary").value;
}

function addLine(form) {
  const template = form.querySelector("template[data-line-template]");
  const lines = linesOf(form);
  const last = lines.at(-1);
  if (!template || !last) return null;
  const holder = document.createElement("table"); // a line is a row, or a body of rows
  holder.innerHTML = template.innerHTML.replaceAll("__index__", String(lines.length));
  const line = holder.querySelector("[data-line]");
  const [fund, above] = [inLine(line, "fund"), fundOf(last)];
  if (fund && [...fund.options].some((option) => option.value === above)) fund.value = above;
  last.after(line);
  return line;
}

/** Go on to the next control; after the last one of the last line, to a new line. */
function moveOn(form, target) {
  const line = target.closest("[data-line]");
  if (line && line === linesOf(form).at(-1)) {
    const inside = [...line.querySelectorAll("input:not([type=hidden]), select, textarea")];
    if (inside.filter(isShown).at(-1) === target) {
      const added = addLine(form);
      if (added) {
        added.querySelector("input:not([type=hidden]), select").focus();
        return;
      }
    }
  }
  const controls = [...form.querySelectorAll("input:not([type=hidden]), select, textarea, button")].filter(
    (control) => !control.disabled && isShown(control) && !control.matches("[data-line] button"),
  );
  controls[controls.indexOf(target) + 1]?.focus();
}

function onKey(form, event) {
  const target = event.target;
  if (event.isComposing) return; // Enter here ends a Chinese input, not the field
  if (event.key === "Enter" && event.ctrlKey) {
    event.preventDefault();
    form.requestSubmit(form.querySelector("[data-submit]") ?? undefined);
    return;
  }
  if (target.tagName === "BUTTON" || target.tagName === "TEXTAREA") return;
  const line = target.closest("[data-line]");
  const role = target.dataset.role;
  const isAmount = role === "debit" || role === "credit";
  if (event.key === "Enter") {
    event.preventDefault();
    if (line && role === "summary" && target.value === "") copyAbove(form, line);
    moveOn(form, target);
  } else if (isAmount && event.key === "=") {
    event.preventDefault();
    balance(form, line);
    show(form);
  } else if (isAmount && event.key === " ") {
    event.preventDefault();
    turn(line, role);
    show(form);
  }
}

for (const form of globalThis.document?.querySelectorAll("form[data-sum-lines]") ?? []) {
  form.addEventListener("keydown", (event) => onKey(form, event));
  form.addEventListener("input", () => show(form));
  form.addEventListener("change", () => show(form));
  form.addEventListener("click", (event) => {
    if (!event.target.closest("[data-add-line]")) return;
    const line = addLine(form);
    if (!line) return;
    event.preventDefault();
    line.querySelector("input:not([type=hidden]), select").focus();
  });
  show(form);
}
