// Forms: show a password, ask before what cannot be taken back, send once, keep what was not saved.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-reveal]");
  if (!button) return;
  const field = document.getElementById(button.dataset.reveal);
  const shown = field.type === "password";
  field.type = shown ? "text" : "password";
  button.setAttribute("aria-pressed", String(shown));
});

/** Submit a form as if somebody had pressed its button; Safari before 16 (2022) knows no requestSubmit. */
export function submit(form, button) {
  if (form.requestSubmit) form.requestSubmit(button);
  else (button ?? form.querySelector("button:not([type=button])")).click();
}

// A gallery's time is asked about only where it would end before it does now ("": it has no end).
const minutes = { minutes: 1, hours: 60 };
function endsBefore(form) {
  const left = Number(form.elements.amount.value.replace(",", ".")) * minutes[form.elements.unit.value];
  const end = form.dataset.end ? new Date(form.dataset.end) : Infinity;
  return Date.now() + left * 60_000 < end;
}
function isSame(one, form) {
  return one.getAttribute("action") === form.getAttribute("action") && one.dataset.confirm === form.dataset.confirm;
}
function asksFirst(form) {
  return form.dataset.confirm && !form.dataset.sure && (!("end" in form.dataset) || endsBefore(form));
}

const dialog = document.getElementById("confirm");
function ask(title, text, yes, then) {
  document.getElementById("confirm-title").textContent = title;
  document.getElementById("confirm-text").textContent = text;
  document.getElementById("confirm-yes").textContent = yes;
  dialog.returnValue = "";
  dialog.addEventListener("close", () => { if (dialog.returnValue === "yes") then(); }, { once: true });
  dialog.showModal();
}
document.addEventListener("htmx:confirm", (event) => {
  if (asksFirst(event.detail.elt)) event.preventDefault(); // the dialog asks first
});
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (asksFirst(form)) {
    event.preventDefault();
    event.stopPropagation(); // before htmx hears of it
    ask(form.dataset.confirm, form.dataset.confirmText ?? "", form.dataset.confirmYes, () => {
      // Where the page followed what happens meanwhile, the form is there anew, or no longer if it is out of place.
      const asked = form.isConnected ? form : [...document.forms].find((one) => isSame(one, form));
      if (!asked) return;
      asked.dataset.sure = "yes";
      submit(asked);
      delete asked.dataset.sure;
    });
    return;
  }
  if ("once" in form.dataset) {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
  }
}, true);
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

// What was typed into a form with data-guard and not saved is not lost by a careless click.
const dirty = new Set();
document.addEventListener("input", (event) => {
  const form = event.target.form;
  if (form && "guard" in form.dataset) dirty.add(form);
});
// What has come in the place of a request's target, where that has a name.
const anew = ({ target }) => (target.id ? document.getElementById(target.id) : null);
document.addEventListener("htmx:afterSwap", (event) => {
  for (const form of dirty) if (!form.isConnected) dirty.delete(form);
  if (event.detail.requestConfig?.verb !== "post") return;
  const around = anew(event.detail)?.parentElement?.closest("form[data-guard]");
  if (around) dirty.add(around); // a part of it came anew and is not saved
});
document.addEventListener("submit", (event) => {
  if (!event.defaultPrevented) dirty.delete(event.target); // htmx does not send it: the page is left with it
});
document.addEventListener("htmx:afterRequest", (event) => {
  const { elt, successful, xhr } = event.detail;
  if (successful && xhr.status < 400) dirty.delete(elt); // for htmx every answer that it shows is a success
});
const isUnsaved = () => [...dirty].some((form) => form.isConnected);
window.addEventListener("beforeunload", (event) => {
  if (!isUnsaved()) return;
  event.preventDefault();
  event.returnValue = "unsaved"; // what Chromium before 119 (2023) listens to
});
// Browsers on iPhones and iPads never ask when a page is left, so a link is asked about here.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href]");
  if (!link || event.defaultPrevented || !isUnsaved()) return;
  const here = link.hash && link.href === location.href.split("#")[0] + link.hash;
  const stays = here || link.target || link.hasAttribute("download") || event.ctrlKey || event.metaKey || event.shiftKey;
  if (stays) return;
  event.preventDefault();
  ask(dialog.dataset.leave, dialog.dataset.leaveText, dialog.dataset.leaveYes, () => {
    dirty.clear();
    location.assign(link.href);
  });
});

// After a refusal the first field at fault has the focus; what must be read is brought into sight.
document.addEventListener("htmx:afterSettle", (event) => {
  anew(event.detail)?.querySelector("[data-focus]")?.focus();
  if ([409, 422].includes(event.detail.xhr?.status)) {
    const changed = anew(event.detail) ?? document;
    changed.querySelector("[aria-invalid=true]")?.focus();
    for (const form of changed.querySelectorAll("form[data-guard]")) dirty.add(form);
  }
});

// Who is led to a part of the page in order to fill it in can type at once.
const lead = () => {
  const there = location.hash && document.getElementById(location.hash.slice(1));
  if (there && "lead" in there.dataset) there.querySelector("input:not([type=hidden])")?.focus({ preventScroll: true });
};
window.addEventListener("hashchange", lead);
window.addEventListener("load", lead); // the browser's own jump, which takes the focus away, is over

// How long to wait, counted down in the last two minutes.
for (const element of document.querySelectorAll("[data-countdown]")) {
  const until = Date.now() + Number(element.dataset.countdown) * 1000;
  const timer = setInterval(() => {
    const left = Math.ceil((until - Date.now()) / 1000);
    if (left > 0 && left <= 120) element.textContent = element.dataset.wait.replace("%", left);
    if (left > 0) return;
    element.textContent = element.dataset.done;
    clearInterval(timer);
  }, 500);
}
