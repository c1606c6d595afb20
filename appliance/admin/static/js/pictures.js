// The page of pictures: what is ticked, what is watched. Uploads: one file after the other, with progress.
import { away, show, wordless } from "./toasts.js";

const MOST_WATCHED = 200;
const bar = document.getElementById("zip-form");

const picked = () => [...document.querySelectorAll("[data-pick]:checked")].map((box) => box.value);

function count() {
  const ids = picked();
  bar.hidden = ids.length === 0;
  bar.querySelector("[data-picked]").textContent = ids.length;
  bar.elements.chosen.value = ids.join(","); // one field: a form with a field for each could be too long
}

if (bar) {
  document.addEventListener("change", (event) => {
    if (!("pick" in event.target.dataset)) return;
    if (picked().length > bar.dataset.most) {
      event.target.checked = false;
      show("toast-most-picked");
    }
    count();
  });
  document.addEventListener("htmx:afterSettle", count);
  document.addEventListener("click", (event) => {
    const all = event.target.closest("[data-pick-all]");
    if (!all && !event.target.closest("[data-pick-none]")) return;
    const boxes = document.querySelectorAll("[data-pick]");
    boxes.forEach((box, index) => { box.checked = Boolean(all) && index < bar.dataset.most; });
    if (all && boxes.length > bar.dataset.most) show("toast-most-picked");
    count();
  });

  document.addEventListener("htmx:configRequest", (event) => {
    if (event.detail.elt.id !== "shot-news" || event.detail.verb !== "post") return;
    if (document.hidden) {
      event.preventDefault();
      return;
    }
    const cards = [...document.querySelectorAll("[data-known]")];
    const near = cards.filter((card) => {
      const box = card.getBoundingClientRect();
      return box.bottom > -innerHeight && box.top < 2 * innerHeight;
    });
    event.detail.parameters.known = near.slice(0, MOST_WATCHED).map((card) => card.dataset.known).join(",");
    event.detail.parameters.newest = cards[0]?.dataset.at ?? "";
  });
}

// What asked for something stays until the answer has found its place.
document.addEventListener("htmx:afterRequest", (event) => {
  const button = event.target.closest?.("[data-close-after]");
  button?.closest("dialog")?.close();
  button?.closest("[data-toast]")?.remove();
});

function send(form, file, progress) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    const body = new FormData();
    body.append("file", file);
    request.open("POST", form.dataset.uploads);
    const token = JSON.parse(document.body.getAttribute("hx-headers"));
    for (const [name, value] of Object.entries({ ...token, "HX-Request": "true", "HX-Current-URL": location.href })) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", (event) => { progress(event.loaded / event.total); });
    request.addEventListener("load", () => {
      if (wordless(request)) return resolve();
      const good = request.status < 400;
      const target = good ? document.querySelector(form.dataset.target) : document.getElementById("toasts");
      window.htmx.swap(target, request.responseText, { swapStyle: good ? "outerHTML" : "beforeend", swapDelay: 0, settleDelay: 20 }, { eventInfo: { target } });
      return resolve();
    });
    request.addEventListener("error", () => {
      away("toast-offline");
      resolve();
    });
    request.send(body);
  });
}

document.addEventListener("change", async (event) => {
  const form = event.target.closest?.("[data-uploads]");
  if (!form || event.target.type !== "file" || !event.target.files.length) return;
  const files = [...event.target.files];
  const progress = form.querySelector("progress");
  progress.hidden = false;
  progress.max = files.length;
  for (const [index, file] of files.entries()) await send(form, file, (share) => { progress.value = index + share; });
  progress.hidden = true;
  event.target.value = "";
});

for (const kind of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => event.target.closest?.(".drop")?.classList.toggle("over", kind === "dragover"));
}
