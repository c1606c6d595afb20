// What asks again by itself waits while somebody is busy with it, or looks at something else.
document.addEventListener("htmx:configRequest", (event) => {
  const asks = event.detail.elt;
  if (!("calm" in asks.dataset) || event.detail.triggeringEvent) return;
  if (document.hidden || asks.contains(document.activeElement) || asks.querySelector("details[open]")) event.preventDefault();
});

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-print]")) print();
});

// What is folded is printed too.
addEventListener("beforeprint", () => {
  for (const folded of document.querySelectorAll(".print-sheet details.group")) folded.open = true;
});
