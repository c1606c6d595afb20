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
  return toast;
}

/** Say that the appliance gave no answer. Who `asked` for one reads it until it was read; what asks by itself
 *  says it once, and only while it lasts. */
export function away(id, asked = true) {
  const said = corner.querySelectorAll("[data-away]");
  if (!asked && said.length) return;
  for (const toast of said) toast.remove();
  show(id).dataset.away = asked ? "asked" : "unasked";
}

/** Whether an answer is a failure that holds nothing to show, as those of Nginx; then it is said in our words. */
export function wordless(xhr, asked = true) {
  if (xhr.status < 400 || xhr.getResponseHeader("Content-Type")?.startsWith("text/html")) return false;
  const known = `toast-${xhr.status}`;
  away(document.getElementById(known) ? known : "toast-offline", asked);
  return true;
}

new MutationObserver((changes) => {
  for (const change of changes) {
    for (const node of change.addedNodes) if (node.matches?.("[data-toast]")) settle(node);
  }
}).observe(corner, { childList: true });
corner.querySelectorAll("[data-toast]").forEach(settle);

document.addEventListener("click", (event) => event.target.closest("[data-dismiss]")?.closest("[data-toast]").remove());
const wasAsked = (event) => Boolean(event.detail.requestConfig.triggeringEvent);
document.addEventListener("htmx:sendError", (event) => away("toast-offline", wasAsked(event)));
document.addEventListener("htmx:timeout", (event) => away("toast-offline", wasAsked(event)));
document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr } = event.detail;
  if (wordless(xhr, wasAsked(event))) event.detail.shouldSwap = false;
  if (xhr.status < 500 || !event.detail.shouldSwap || wasAsked(event)) return;
  event.detail.shouldSwap = false;
  if (corner.querySelector("[data-away]")) return;
  corner.insertAdjacentHTML("beforeend", xhr.responseText);
  corner.lastElementChild.dataset.away = "unasked";
});
document.addEventListener("htmx:afterRequest", (event) => {
  const { successful, xhr } = event.detail;
  if (successful && xhr.status < 400) corner.querySelector("[data-away=unasked]")?.remove();
});
