// The voucher form beyond its sums: accounts by name or pinyin, further fields folded away,
// source documents by drag and drop, and what would be booked, asked of the server while typing.
// Without this script every field, the folded ones too, is there and the buttons do the same.

const PREVIEW_WAIT_MS = 400;
const CODE = /^(\d+)/;
const NET_ASSETS = new Set(["3101", "3102", "320101", "320102"]);

const options = [...(document.getElementById("accounts")?.options ?? [])].map((option) => ({
  value: option.value,
  code: option.value.split(" ", 1)[0],
  text: `${option.value} ${option.dataset.find}`.toLowerCase(),
  funds: option.dataset.funds,
  isMoney: option.hasAttribute("data-money"),
}));

/** Which accounts may carry a kind of fund. */
const FITS = {
  restricted: new Set(["any", "yes"]),
  general: new Set(["any", "no"]),
  agency: new Set(["agency"]),
};
const fits = (account, kind) => !kind || FITS[kind].has(account.funds);
const only = (found) => (found.length === 1 ? found[0] : null);

/**
 * Return the one account a text means for a kind of fund, or null where none or several do.
 * With mayGiveWay, an account that cannot carry the fund gives way to its sister that can:
 * 510101 to 510102. That is for a fund chosen after the account; a code typed in full is meant.
 */
export function accountOf(text, accounts, kind = "", mayGiveWay = false) {
  const typed = text.trim().toLowerCase();
  if (!typed) return null;
  const code = CODE.exec(typed)?.[1];
  if (!code) {
    return only(accounts.filter((account) => account.text.includes(typed) && fits(account, kind)));
  }
  const named = accounts.find((account) => account.code === code);
  if (named && !mayGiveWay) return named;
  if (named && fits(named, kind)) return named;
  const head = code.slice(0, 4);
  const sisters = accounts.filter((account) => account.code.startsWith(head) && fits(account, kind));
  return only(sisters) ?? named ?? null;
}

const fieldOf = (line, role) => line.querySelector(`[data-role="${role}"]`);

function kindOf(line, fund = fieldOf(line, "fund").value) {
  const kinds = JSON.parse(line.closest("form").dataset.fundKinds);
  return kinds[fund.split("/", 1)[0]] ?? "";
}

/** Choose the fund an account asks for: that of a line above, or the only one there is. */
function chooseFund(line, account) {
  const above = [...line.closest("form").querySelectorAll("[data-line]")]
    .filter((other) => other.compareDocumentPosition(line) & Node.DOCUMENT_POSITION_FOLLOWING)
    .map((other) => fieldOf(other, "fund").value)
    .reverse();
  const fitting = (funds) => funds.filter((fund) => fits(account, kindOf(line, fund)));
  const offered = [...fieldOf(line, "fund").options].map((option) => option.value);
  const fund = fitting(above)[0] ?? only(fitting(offered));
  if (fund) fieldOf(line, "fund").value = fund;
}

/** Let the lines below that nothing is written in yet begin with this line's fund. */
function passOn(line) {
  const isEmpty = (other) => ["account", "debit", "credit"].every((role) => !fieldOf(other, role).value);
  for (let next = line.nextElementSibling; next?.matches("[data-line]") && isEmpty(next); ) {
    fieldOf(next, "fund").value = fieldOf(line, "fund").value;
    next = next.nextElementSibling;
  }
}

/** Say that account and fund do not go together, beside the fund. */
function showMisfit(line, account) {
  const isMisfit = Boolean(account) && !fits(account, kindOf(line));
  fieldOf(line, "fund").toggleAttribute("data-misfit", isMisfit);
  line.querySelector("[data-fund-hint]").hidden = !isMisfit;
}

/** Say, while one types, that a summary is too long; nothing is cut. */
function showLength(field) {
  const hint = field.parentElement.querySelector("[data-length-hint]");
  if (hint) hint.hidden = field.value.trim().length <= Number(field.dataset.limit);
}

function unfold(line, isOpen) {
  const further = line.querySelector("[data-further]");
  const button = line.querySelector("[data-more]");
  const details = further.querySelector("details");
  further.hidden = !isOpen && !further.querySelector(".line-errors");
  details.hidden = !isOpen; // a row that is there for its errors shows these alone
  details.open = isOpen;
  button.setAttribute("aria-expanded", String(isOpen));
}

/** Show what the line's account needs: a place of money, the kind of net-asset change. */
function follow(line, role = "") {
  const field = fieldOf(line, "account");
  const account = accountOf(field.value, options, kindOf(line), role === "fund");
  if (account) field.value = account.value;
  if (account && role === "account" && !fits(account, kindOf(line))) chooseFund(line, account);
  showMisfit(line, account);
  line.toggleAttribute("data-no-money", Boolean(account) && !account.isMoney);
  if (account && NET_ASSETS.has(account.code)) unfold(line, true);
}

function dress(line) {
  const further = line.querySelector("[data-further]");
  line.querySelector("[data-more]").hidden = false;
  unfold(line, further.hasAttribute("data-opened"));
  follow(line);
}

async function ask(form, controller) {
  const data = new FormData(form);
  data.delete("files");
  data.set("chosen_files", String(form.querySelector("#files").files.length));
  const answer = await fetch(form.dataset.previewUrl, {
    method: "POST",
    body: data,
    signal: controller.signal,
  });
  if (answer.ok) form.querySelector("[data-preview]").innerHTML = await answer.text();
}

function watchPreview(form) {
  let timer = 0;
  let controller = new AbortController();
  return () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      controller.abort();
      controller = new AbortController();
      ask(form, controller).catch(() => {}); // overtaken, or the network is away: nothing is lost
    }, PREVIEW_WAIT_MS);
  };
}

function showFiles(form, input) {
  const list = form.querySelector("[data-chosen]") ?? document.createElement("ul");
  list.dataset.chosen = "";
  list.className = "papers";
  list.replaceChildren(
    ...[...input.files].map((file) => {
      const item = document.createElement("li");
      item.textContent = file.name;
      return item;
    }),
  );
  list.hidden = input.files.length < 2; // the browser itself names a single one
  input.after(list);
  const kept = form.querySelectorAll('input[name="attachments"]').length;
  const dropped = form.querySelectorAll('input[name="drop"]:checked').length;
  form.querySelector("[data-papers-count]").textContent = String(kept - dropped + input.files.length);
}

function takeFiles(form, input, files) {
  const all = new DataTransfer();
  for (const file of [...input.files, ...files]) all.items.add(file);
  input.files = all.files;
  showFiles(form, input);
}

function start(form) {
  const input = form.querySelector("#files");
  const place = form.querySelector("[data-papers]");
  const preview = watchPreview(form);
  let isChanged = false;

  for (const line of form.querySelectorAll("[data-line]")) dress(line);
  new MutationObserver((changes) => {
    for (const change of changes) {
      for (const node of change.addedNodes) {
        if (node instanceof HTMLElement && node.matches("[data-line]")) dress(node);
      }
    }
  }).observe(form.querySelector("table"), { childList: true });

  form.addEventListener("click", (event) => {
    const line = event.target.closest("[data-more]")?.closest("[data-line]");
    if (!line) return;
    const isOpen = line.querySelector("[data-further] details").hidden;
    unfold(line, isOpen);
    if (isOpen) line.querySelector("[data-further] input:not([type=hidden])").focus();
  });
  form.addEventListener("change", (event) => {
    isChanged = true;
    if (["account", "fund"].includes(event.target.dataset.role)) {
      const line = event.target.closest("[data-line]");
      follow(line, event.target.dataset.role);
      passOn(line);
    } else if (event.target === input || event.target.name === "drop") {
      showFiles(form, input);
    }
    preview();
  });
  form.addEventListener("input", (event) => {
    isChanged = true;
    if (event.target.dataset.role === "summary") showLength(event.target);
  });
  form.addEventListener("submit", () => {
    isChanged = false;
  });
  globalThis.addEventListener("beforeunload", (event) => {
    if (isChanged) event.preventDefault();
  });

  for (const name of ["dragover", "dragleave", "drop"]) {
    place.addEventListener(name, (event) => {
      event.preventDefault();
      place.toggleAttribute("data-over", name === "dragover");
      if (name === "drop") takeFiles(form, input, event.dataTransfer.files);
    });
  }
  if (form.querySelector('[data-role="account"]').value) preview();
}

for (const form of globalThis.document?.querySelectorAll("form[data-preview-url]") ?? []) start(form);
