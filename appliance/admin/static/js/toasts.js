// Toasts: good news leaves by itself, bad news stays until it was read.
const GOOD_FOR = 5500;
const MOST = 3;
const corner = document.getElementById("toasts");

function settle(toast) {
  if (toast.classList.contains("good")) setTimeout(() => toast.remove(), GOOD_FOR);
  if (toast.dataset.only) {
    for (const same of corner.querySelectorAll(`[data-only="${toast.dataset.only}"]`)) if (same !== toast) same.remove();
  }
  const all = corner.querySelectorAll("[data-toast]");
  for (const old of [...all].slice(0, -MOST)) old.remove();
}

export function show(id, title, text) {
  const toast = document.getElementById(id).content.firstElementChild.cloneNode(true);
  if (title) toast.querySelector("strong").textContent = title;
  if (text) {
    const more = document.createElement("p");
    more.textContent = text;
    toast.querySelector(".toast-text").append(more);
  }
  corner.append(toast);
}

new MutationObserver((changes) => {
  for (const change of changes) {
    for (const node of change.addedNodes) if (node.matches?.("[data-toast]")) settle(node);
  }
}).observe(corner, { childList: true });
corner.querySelectorAll("[data-toast]").forEach(settle);

document.addEventListener("click", (event) => event.target.closest("[data-dismiss]")?.closest("[data-toast]").remove());
document.addEventListener("htmx:sendError", () => show("toast-offline"));
document.addEventListener("htmx:timeout", () => show("toast-offline"));
