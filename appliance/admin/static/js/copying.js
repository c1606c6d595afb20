// Copying: data-copy holds the text, data-copy-from names the field that does.
import { show } from "./toasts.js";

async function copy(text) {
  if (window.isSecureContext && navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea"); // plain http in the venue's network
  area.value = text;
  area.readOnly = true;
  area.className = "away";
  (document.querySelector("dialog[open]") ?? document.body).append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("refused");
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy], [data-copy-from]");
  if (!button) return;
  const text = button.dataset.copy ?? document.getElementById(button.dataset.copyFrom).value;
  try {
    await copy(text);
    button.focus();
    show("toast-copied", button.dataset.copied, button.dataset.copiedText);
  } catch {
    show("toast-not-copied", null, text);
  }
});
