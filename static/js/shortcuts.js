// Keys of the office: "/" goes to the search, "?" lists the keys. An error summary and a
// field marked data-focus get the focus, so that a screen reader begins there.

const isTyping = (target) =>
  target instanceof HTMLElement &&
  (target.isContentEditable || /^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName));

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || isTyping(event.target)) return;
  if (event.key === "/") {
    const field = document.querySelector("input[type=search], [data-search]");
    if (!field) return;
    event.preventDefault();
    const folded = field.closest("details");
    if (folded) folded.open = true;
    field.focus();
    field.select?.();
  } else if (event.key === "?") {
    const list = document.querySelector("dialog[data-keys]");
    if (!list || list.open) return;
    event.preventDefault();
    list.showModal();
  }
});

document.querySelector("[data-focus]")?.focus();
