/* Listens to a gallery and never gives up: lines break, machines restart, networks go and come.
   A browser has six lines to a host for all its tabs: one that nobody looks at holds none.
   TVs are old: no async functions here, and nothing else that is younger than ES2016. */
function listen(page, onNews, onClosed) {
  const path = page.dataset.path, version = page.dataset.version, SILENT = 40000, ASLEEP = 600000;
  const CLOSED = [401, 403, 404, 410];
  let source = null, heard = Date.now(), asking = false, gone = false;
  const there = () => fetch(path, { cache: 'no-store', credentials: 'same-origin' }).then((answer) => answer.status, () => 0);
  function hangUp() {
    if (source) source.close();
    source = null;
  }
  function renew() {
    gone = true;
    // Only into a page that is there: an error page would stay for ever.
    there().then((status) => {
      if (status === 200) return location.reload();
      if (CLOSED.includes(status)) onClosed();
      setTimeout(renew, 5000);
    });
  }
  function again() {
    hangUp();
    if (asking || document.hidden) return;
    asking = true;
    there().then((status) => {
      asking = false;
      if (CLOSED.includes(status)) return renew();
      if (status !== 200) return setTimeout(again, 3000);
      if (Date.now() - heard > ASLEEP) return location.reload();
      connect();
    });
  }
  function connect() {
    if (document.hidden) return;
    heard = Date.now();
    source = new EventSource(`${path}/live`);
    source.addEventListener('beat', () => { heard = Date.now(); });
    source.addEventListener('pictures', (event) => {
      heard = Date.now();
      const news = JSON.parse(event.data);
      if (news.version === version) return onNews(news);
      hangUp();
      renew();
    });
    source.addEventListener('closed', () => {
      hangUp();
      renew();
    });
    source.onerror = () => { if (source && source.readyState === EventSource.CLOSED) again(); };
  }
  setInterval(() => { if (source && Date.now() - heard > SILENT) again(); }, 5000);
  document.addEventListener('visibilitychange', () => { if (!gone) again(); });
  connect();
}
