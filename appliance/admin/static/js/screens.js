// What asks again by itself waits while somebody is busy with it, or looks at something else.
document.addEventListener("htmx:configRequest", (event) => {
  const asks = event.detail.elt;
  if (!("calm" in asks.dataset) || event.detail.triggeringEvent) return;
  const busy = asks.contains(document.activeElement) || asks.querySelector("details[open]") || isTyped(asks);
  if (document.hidden || busy) event.preventDefault();
});

function isTyped(part) {
  const typed = (input) => input.value !== input.defaultValue || input.checked !== input.defaultChecked;
  const chosen = (option) => option.selected !== option.defaultSelected && option.closest("select:has([selected])");
  return [...part.querySelectorAll("input")].some(typed) || [...part.querySelectorAll("option")].some(chosen);
}

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-print]")) print();
});

// What is folded is printed too.
addEventListener("beforeprint", () => {
  for (const folded of document.querySelectorAll(".print-sheet details.group")) folded.open = true;
});
