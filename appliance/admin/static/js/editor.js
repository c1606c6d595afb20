// The slot editor: values beside sliders, findings marked, unsaved changes known, the test sees what is typed.
const form = () => document.getElementById("slot-form");
let photo = null;

document.addEventListener("input", (event) => {
  const input = event.target;
  if (input.type === "range" || input.type === "color") {
    const output = input.parentElement.querySelector("output");
    if (output) output.value = input.value;
  }
  if (input.form && input.form === form()) form().dataset.changed = "";
});

// A part of the form came anew: what is on it now is not what is saved.
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target?.id !== "slot-sheets" || !form()) return;
  form().elements.version.dispatchEvent(new Event("input", { bubbles: true }));
  document.querySelector(".look[aria-pressed='true']")?.scrollIntoView({ block: "nearest", inline: "center" });
});

document.addEventListener("htmx:afterSettle", (event) => {
  if ([409, 422].includes(event.detail.xhr?.status) && form() && event.detail.target?.id === "slot-editor") form().dataset.changed = "";
});

// A finding that came beside an input marks the input too.
document.addEventListener("htmx:oobAfterSwap", (event) => {
  const id = event.detail.target?.id ?? "";
  if (!id.endsWith("-finding")) return;
  const input = document.getElementById(id.slice(0, -"-finding".length));
  const found = document.getElementById(id)?.childElementCount > 0;
  if (!input?.form) return;
  if (found) input.setAttribute("aria-invalid", "true");
  else input.removeAttribute("aria-invalid");
});

document.addEventListener("click", (event) => {
  const chip = event.target.closest("[data-insert]");
  if (chip) {
    const area = document.getElementById(chip.dataset.into);
    area.setRangeText(chip.dataset.insert, area.selectionStart, area.selectionEnd, "end");
    area.focus();
    area.dispatchEvent(new Event("input", { bubbles: true }));
  }
  const link = event.target.closest("[data-to-finding]");
  const input = link && document.getElementById(link.hash.slice(1));
  if (input) {
    event.preventDefault();
    input.closest("details")?.setAttribute("open", "");
    input.focus();
    input.scrollIntoView({ block: "center" });
  }
});

// A workflow from a file: its text goes into the form, which then comes anew with the nodes to choose from.
document.addEventListener("change", async (event) => {
  const area = event.target.dataset.into && document.getElementById(event.target.dataset.into);
  if (!area || event.target.type !== "file" || !event.target.files[0]) return;
  let text = await event.target.files[0].text();
  try {
    text = JSON.stringify(JSON.parse(text)); // without the spaces between, which make it long
  } catch {
    // The service says what is wrong with it.
  }
  const found = document.getElementById(`${area.id}-finding`);
  if (text.length > area.maxLength) {
    found.innerHTML = '<p class="finding"></p>';
    found.firstElementChild.textContent = event.target.dataset.tooLarge;
    event.target.value = "";
    return;
  }
  area.value = text;
  for (const kind of ["input", "change"]) area.dispatchEvent(new Event(kind, { bubbles: true }));
});

document.addEventListener("change", (event) => {
  if (!("testFile" in event.target.dataset)) return;
  if (photo) URL.revokeObjectURL(photo);
  const file = event.target.files[0];
  photo = file ? URL.createObjectURL(file) : null;
  const shown = document.getElementById("test-photo");
  shown.hidden = !photo;
  if (photo) shown.src = photo;
});

// Before a test starts, what is on the form is put into its own words.
document.addEventListener("htmx:confirm", (event) => {
  const tests = event.target.id === "test-form" || event.target.id === "test-last";
  if (!tests || event.detail.verb !== "post" || !form()) return;
  event.preventDefault();
  const go = async () => {
    const config = document.getElementById("test-config");
    config.value = "";
    if ("changed" in form().dataset) {
      const token = JSON.parse(document.body.getAttribute("hx-headers"));
      const answer = await fetch(`${form().dataset.slotForm}/config`, { method: "POST", headers: { ...token, "HX-Request": "true" }, body: new URLSearchParams(new FormData(form())) });
      if (answer.ok) config.value = await answer.text();
    }
    event.detail.issueRequest(true);
  };
  go();
});

// The photo that was sent is only in this browser: it is put beside the picture that came of it.
document.addEventListener("htmx:load", (event) => {
  const before = event.detail.elt.querySelector?.("[data-before]");
  if (!before || !photo) return;
  before.src = photo;
  before.hidden = false;
});

// Between two questions the progress goes on.
setInterval(() => {
  const bar = document.querySelector(".running progress");
  if (bar) bar.value = Math.min(bar.max, bar.value + 0.1);
}, 100);
