// Menus close when something else is clicked, when focus leaves, and with Escape. Dialogs come with a part.
const open = () => document.querySelectorAll("details[data-menu][open]");

// What is around a dialog belongs to it, and so does its own edge, which closes nothing.
function isBeside(event, dialog) {
  const box = dialog.getBoundingClientRect();
  return event.clientX < box.left || event.clientX > box.right || event.clientY < box.top || event.clientY > box.bottom;
}

document.addEventListener("click", (event) => {
  for (const menu of open()) if (!menu.contains(event.target)) menu.open = false;
  if (event.target.closest("[data-close-dialog]")) event.target.closest("dialog").close();
  if (event.target instanceof HTMLDialogElement && isBeside(event, event.target)) event.target.close();
});

document.addEventListener("focusin", (event) => {
  for (const menu of open()) if (!menu.contains(event.target)) menu.open = false;
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of open()) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

// <dialog data-open> that a swap brought is shown, and removed when it is closed.
document.addEventListener("htmx:load", (event) => {
  const dialog = event.detail.elt;
  if (!(dialog instanceof HTMLDialogElement) || !("open" in dialog.dataset)) return;
  const before = document.activeElement;
  dialog.addEventListener("close", () => {
    dialog.remove();
    before?.focus();
  });
  dialog.showModal();
});
