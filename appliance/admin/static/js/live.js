// The dashboard follows what happens: server-sent events, and a question every five seconds without them.
import { localise } from "./times.js";

const board = document.querySelector("[data-board]");
const POLL_EVERY = 5000;
const SILENT_FOR = 40_000;
const TRY_AGAIN = 20_000;

// On a phone each card is a tile that unfolds; how long a photo has been on its way goes on by itself.
const began = new WeakMap();
const grow = (root) => {
  for (const bar of root.querySelectorAll("progress[data-grows]")) began.set(bar, performance.now() - bar.value * 1000);
};
const unfolded = new Set();
const settle = (card) => {
  card.classList.toggle("open", unfolded.has(card.id));
  card.querySelector("[data-tile]").setAttribute("aria-expanded", String(unfolded.has(card.id)));
};
const take = (fresh) => {
  if (fresh.matches(".frame")) settle(fresh);
  grow(fresh);
};
const unfold = (card, open) => {
  if (open) unfolded.add(card.id);
  else unfolded.delete(card.id);
  settle(card);
  if (open) card.scrollIntoView({ block: "nearest" });
};

if (board) {
  board.classList.add("tiles");
  grow(board);
  setInterval(() => {
    for (const bar of board.querySelectorAll("progress[data-grows]")) bar.value = (performance.now() - began.get(bar)) / 1000;
  }, 500);
  document.addEventListener("htmx:load", (event) => take(event.detail.elt));
  document.addEventListener("click", (event) => {
    const tile = event.target.closest("[data-tile]");
    if (tile) unfold(tile.closest(".frame"), tile.getAttribute("aria-expanded") !== "true");
    const wanted = event.target.closest("[data-tile-of]")?.dataset.tileOf;
    if (wanted) unfold(document.getElementById(wanted), true);
  });

  const pulse = document.getElementById("pulse");
  let source = null;
  let poller = null;
  let heard = Date.now();

  const hear = () => {
    heard = Date.now();
    pulse.classList.remove("heard");
    void pulse.offsetWidth; // so that it beats anew
    pulse.classList.add("heard");
  };

  const say = (state) => {
    if (pulse.dataset.state === state) return;
    pulse.dataset.state = state;
    pulse.querySelector("span").textContent = pulse.dataset[state];
  };

  // What somebody has unfolded stays so, and what they have folded.
  const keepOpen = (old, fresh) => {
    const before = [...old.querySelectorAll("details")];
    for (const one of fresh.querySelectorAll("details")) {
      const same = before.find((other) => (one.id ? other.id === one.id : other.className === one.className && other.parentElement.closest("details")?.id === one.parentElement.closest("details")?.id));
      if (same) one.open = same.open;
    }
    // What lay open and is pushed down by worse ones stays in sight, too.
    const pushed = [...fresh.querySelectorAll("#issues-rest .issue[open]")].some((one) => old.querySelector(`:scope > ul #${one.id}`));
    if (pushed) fresh.querySelector("#issues-rest").open = true;
  };

  // Slots that fail stand first, on the page as it is sent, too; else a slot goes (back) to its number's place.
  const rank = (card) => (card.classList.contains("is-failing") ? "0" : "1") + card.id;
  const place = (card) => {
    const next = [...board.children].find((other) => other !== card && rank(other) > rank(card));
    if ((next ?? null) !== card.nextElementSibling) board.insertBefore(card, next ?? null);
  };

  const put = (html) => {
    const holder = document.createElement("template");
    holder.innerHTML = html;
    for (const fresh of [...holder.content.children]) {
      const old = fresh.id && document.getElementById(fresh.id);
      if (!old || (fresh.dataset.mark && fresh.dataset.mark === old.dataset.mark) || old.querySelector(".htmx-request")) continue;
      const focused = old.contains(document.activeElement) ? document.activeElement.dataset.keep : null;
      keepOpen(old, fresh);
      const picture = (card) => card.querySelector(".print img")?.getAttribute("src");
      if (picture(fresh) && picture(fresh) !== picture(old)) fresh.classList.add("fresh");
      localise(fresh);
      old.replaceWith(fresh);
      if (fresh.parentElement === board) place(fresh);
      take(fresh);
      window.htmx.process(fresh);
      if (focused) fresh.querySelector(`[data-keep="${focused}"]`)?.focus();
    }
  };

  const poll = async () => {
    try {
      const answer = await fetch(board.dataset.board, { headers: { "HX-Request": "true", "HX-Current-URL": location.href } });
      const login = answer.headers.get("HX-Redirect");
      if (login) location.assign(login);
      if (!answer.ok) throw new Error(String(answer.status));
      if (poller) say("polling");
      put(await answer.text());
    } catch {
      say("away");
    }
  };

  const startPolling = () => {
    if (poller) return;
    poll();
    poller = setInterval(poll, POLL_EVERY);
  };

  const hangUp = () => {
    source?.close();
    source = null;
    clearInterval(poller);
    poller = null;
  };

  // A browser has six lines to a host for all its tabs: one that nobody looks at holds none.
  const connect = () => {
    hangUp();
    if (document.hidden) return;
    heard = Date.now();
    source = new EventSource(board.dataset.events);
    source.addEventListener("open", () => {
      heard = Date.now();
      clearInterval(poller);
      poller = null;
      say("live");
    });
    source.addEventListener("cards", (event) => {
      hear();
      put(event.data);
    });
    source.addEventListener("beat", hear);
    source.addEventListener("error", () => {
      startPolling();
      if (source?.readyState === EventSource.CLOSED) setTimeout(connect, TRY_AGAIN);
    });
  };

  setInterval(() => {
    if (source && Date.now() - heard > SILENT_FOR) {
      connect();
      startPolling();
    }
  }, 5000);
  document.addEventListener("visibilitychange", connect);
  window.addEventListener("pagehide", hangUp);
  window.addEventListener("pageshow", (event) => { if (event.persisted) connect(); });
  connect();
}
