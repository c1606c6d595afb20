// A session that ended and began again in another tab: what was typed stays, and saving works again.
import { submit } from "./forms.js";
import { show } from "./toasts.js";

const again = new WeakSet();
let stale = false;

/** Take the token of the session that there is now; false when nobody is logged in. */
async function renew() {
  try {
    const answer = await fetch("/admin/token", { redirect: "manual" });
    if (!answer.ok) return false;
    const { csrf } = await answer.json();
    document.body.setAttribute("hx-headers", JSON.stringify({ "X-CSRF-Token": csrf }));
    for (const field of document.querySelectorAll("input[name=csrf]")) field.value = csrf;
    stale = false;
    return true;
  } catch {
    return false;
  }
}

async function comeBack() {
  if (document.hidden || !stale || !(await renew())) return;
  for (const toast of document.querySelectorAll("[data-only=login]")) toast.remove();
  show("toast-again");
}
document.addEventListener("visibilitychange", comeBack);
window.addEventListener("focus", comeBack);

// The refused request changed nothing, so it may be sent once more with the right token.
document.addEventListener("htmx:beforeSwap", async (event) => {
  const { xhr, requestConfig } = event.detail;
  if (xhr.status === 401) stale = true;
  if (xhr.status !== 403 || xhr.getResponseHeader("X-Error-Code") !== "csrf_failed") return;
  event.detail.shouldSwap = false;
  stale = true;
  const { elt, triggeringEvent } = requestConfig;
  if (!again.has(elt) && (await renew())) {
    again.add(elt);
    if (elt instanceof HTMLFormElement) submit(elt, triggeringEvent?.submitter);
    else elt.click();
    return;
  }
  const target = document.getElementById("toasts");
  window.htmx.swap(target, xhr.responseText, { swapStyle: "beforeend", swapDelay: 0, settleDelay: 20 }, { eventInfo: { target } });
});
document.addEventListener("htmx:afterRequest", (event) => { if (event.detail.successful && event.detail.xhr.status < 400) again.delete(event.detail.requestConfig?.elt); });

// Who logged out is not to be read by whoever goes back: Safari shows a page as it was left, without asking us.
const LOGOUT = 'form[action*="/logout"]';
document.addEventListener("submit", (event) => {
  if (!event.defaultPrevented && event.target.matches(LOGOUT)) sessionStorage.setItem("logged-out", "yes");
});
if (document.querySelector(LOGOUT)) sessionStorage.removeItem("logged-out");
window.addEventListener("pageshow", (event) => {
  if (!event.persisted || !sessionStorage.getItem("logged-out")) return;
  document.body.hidden = true;
  location.reload();
});
