/* Listens to a gallery and never gives up: lines break, machines restart, networks go and come. */
function listen(page, onNews, onClosed) {
  const { path, version } = page.dataset, SILENT = 40000, ASLEEP = 600000;
  let source = null, heard = Date.now();
  const there = () => fetch(path, { cache: 'no-store' }).then((answer) => answer.status, () => 0);
  async function renew() {
    // Only into a page that is there: an error page would stay for ever.
    const status = await there();
    if (status === 200) return location.reload();
    if ([401, 403, 404, 410].includes(status)) onClosed();
    setTimeout(renew, 5000);
  }
  async function again() {
    source?.close();
    source = null;
    const status = await there();
    if ([401, 403, 404, 410].includes(status)) return renew();
    if (status !== 200) return setTimeout(again, 3000);
    if (Date.now() - heard > ASLEEP) return location.reload();
    connect();
  }
  function connect() {
    heard = Date.now();
    source = new EventSource(`${path}/live`);
    source.addEventListener('beat', () => { heard = Date.now(); });
    source.addEventListener('pictures', (event) => {
      heard = Date.now();
      const news = JSON.parse(event.data);
      if (news.version === version) return onNews(news);
      source.close();
      source = null;
      renew();
    });
    source.addEventListener('closed', () => {
      source.close();
      source = null;
      renew();
    });
    source.onerror = () => { if (source?.readyState === EventSource.CLOSED) again(); };
  }
  setInterval(() => { if (source && Date.now() - heard > SILENT) again(); }, 5000);
  connect();
}
