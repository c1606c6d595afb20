const stage = document.getElementById('stage'), path = stage.dataset.path, STAYS = 8000;
let pictures = stage.dataset.pictures.split(' ').filter(Boolean), shown = pictures[0] ?? null;
let waiting = [], turn = 0, since = performance.now();

async function show(name) {
  const layer = document.createElement('div'), glow = new Image(), whole = new Image();
  layer.className = 'picture';
  glow.className = 'glow';
  whole.className = 'whole';
  glow.alt = '';
  whole.alt = stage.dataset.alt;
  glow.src = `${path}/p/${name}/preview?w=96`;
  whole.src = `${path}/p/${name}/preview?w=2048`;
  layer.append(glow, whole);
  await Promise.all([glow.decode(), whole.decode()]);
  const before = [...stage.children];
  stage.append(layer);
  void layer.offsetWidth;
  layer.classList.add('in');
  document.getElementById('empty').hidden = true;
  shown = name;
  since = performance.now();
  setTimeout(() => before.forEach((old) => old.remove()), 2000);
}

function clear() {
  stage.replaceChildren();
  shown = null;
  document.getElementById('empty').hidden = false;
}

async function step() {
  if (performance.now() - since >= (shown ? STAYS : 0)) {
    const next = waiting.shift() ?? (pictures.length > 1 || !shown ? pictures[++turn % pictures.length] : null);
    if (next && next !== shown) await show(next).catch(() => { since = performance.now() - STAYS + 2000; });
  }
  setTimeout(step, 250);
}

listen(path, (names) => {
  const before = new Set(pictures), first = pictures[0];
  // Only what is newer than the newest known is news; the rest takes its turn.
  const end = first ? names.indexOf(first) : names.length;
  const news = names.slice(0, end < 0 ? 1 : end).filter((name) => !before.has(name));
  pictures = names;
  waiting = [...waiting.filter((name) => names.includes(name)), ...news.reverse()];
  if (waiting.length) { turn = -1; since = Math.min(since, performance.now() - STAYS + 2500); }
  if (!names.length) clear();
  else if (shown && !names.includes(shown)) since = -Infinity;
});
step();
