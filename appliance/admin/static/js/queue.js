// The queue of pictures that wait for approval.
const STILL = 600; // ms; the two taps of a double tap are 300 ms apart
const queue = document.getElementById("queue");

if (queue) {
  document.addEventListener("htmx:configRequest", (event) => {
    if (!event.detail.elt.matches(".queue-tail")) return;
    event.detail.parameters.shown = [...queue.querySelectorAll(".queue-item")].map((item) => item.id.slice(2)).join(",");
  });

  // Where a picture leaves, the next one slides under the finger: a tap is not meant for it yet.
  let timer;
  new MutationObserver((changes) => {
    if (!changes.some((change) => [...change.removedNodes].some((node) => node.matches?.(".queue-item")))) return;
    queue.classList.add("moved");
    clearTimeout(timer);
    timer = setTimeout(() => queue.classList.remove("moved"), STILL);
  }).observe(queue, { childList: true });
}
