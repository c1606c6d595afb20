// The dashboard follows what happens: server-sent events, and a question every five seconds without them.
const board = document.querySelector("[data-board]");
const POLL_EVERY = 5000;
const SILENT_FOR = 40_000;
const TRY_AGAIN = 20_000;

if (board) {
  const pulse = document.getElementById("pulse");
  let source = null;
  let poller = null;
  let heard = Date.now();

  const say = (state) => {
    if (pulse.dataset.state === state) return;
    pulse.dataset.state = state;
    pulse.querySelector("span").textContent = pulse.dataset[state];
  };

  const put = (html) => {
    const holder = document.createElement("template");
    holder.innerHTML = html;
    for (const fresh of [...holder.content.children]) {
      const old = document.getElementById(fresh.id);
      if (!old || (fresh.dataset.mark && fresh.dataset.mark === old.dataset.mark) || old.querySelector(".htmx-request")) continue;
      const focused = old.contains(document.activeElement) ? document.activeElement.dataset.keep : null;
      const picture = (card) => card.querySelector(".print img")?.getAttribute("src");
      if (picture(fresh) && picture(fresh) !== picture(old)) fresh.classList.add("fresh");
      old.replaceWith(fresh);
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
      heard = Date.now();
      put(event.data);
    });
    source.addEventListener("beat", () => { heard = Date.now(); });
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
