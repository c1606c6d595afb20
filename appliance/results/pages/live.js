/* Listens to a gallery and never gives up: lines break, machines restart. */
function listen(path, onPictures) {
  let version = null, source = null;
  const again = () => { source?.close(); setTimeout(connect, 3000); };
  async function connect() {
    source = new EventSource(`${path}/live`);
    source.addEventListener('pictures', (event) => {
      const news = JSON.parse(event.data);
      if (version && version !== news.version) return location.reload();
      version = news.version;
      onPictures(news.pictures);
    });
    source.addEventListener('closed', () => { source.close(); location.reload(); });
    source.onerror = () => { if (source.readyState === EventSource.CLOSED) look(); };
  }
  async function look() {
    // The browser has given up: because the gallery closed, or because the machine is away.
    try {
      const status = (await fetch(path, { cache: 'no-store' })).status;
      if ([401, 403, 404, 410].includes(status)) return location.reload();
    } catch { /* no network */ }
    again();
  }
  connect();
}
