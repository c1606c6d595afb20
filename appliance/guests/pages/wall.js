const stage = document.getElementById('stage'), path = stage.dataset.path, STAYS = 8000, PATIENCE = 15000;
const empty = document.getElementById('empty'), closed = document.getElementById('closed');
let pictures = stage.dataset.pictures.split(' ').filter(Boolean), shown = pictures[0] || null;
let signed = stage.dataset.ai.split(' ');
let waiting = [], turn = 0, since = performance.now();

// Browsers of 2018 and before know no decode().
function whenReady(image) {
  if (image.decode) return image.decode();
  return new Promise((ready, broken) => { image.onload = ready; image.onerror = broken; });
}

function show(name) {
  const layer = document.createElement('div'), glow = new Image(), whole = new Image();
  layer.className = 'picture';
  glow.className = 'glow';
  whole.className = 'whole';
  glow.alt = '';
  whole.alt = stage.dataset.alt;
  glow.src = `${path}/p/${name}/preview?w=96`;
  whole.src = `${path}/p/${name}/preview?w=2048`;
  layer.appendChild(glow);
  layer.appendChild(whole);
  if (signed.includes(name)) {
    const sign = document.createElement('span');
    sign.className = 'sign';
    sign.textContent = stage.dataset.sign;
    layer.appendChild(sign);
  }
  // A network that went away lets a picture hang for minutes: then it is another one's turn.
  const late = new Promise((_, give) => setTimeout(give, PATIENCE));
  return Promise.race([Promise.all([whenReady(glow), whenReady(whole)]), late]).then(() => {
    if (!pictures.includes(name)) return; // hidden meanwhile
    const before = [...stage.children];
    stage.appendChild(layer);
    void layer.offsetWidth;
    layer.classList.add('in');
    empty.hidden = true;
    shown = name;
    since = performance.now();
    setTimeout(() => before.forEach((old) => old.remove()), 2000);
  });
}

function step() {
  const stays = waiting.length > 4 ? STAYS / 2 : STAYS, later = () => setTimeout(step, 250);
  if (performance.now() - since < (shown ? stays : 0)) return later();
  const next = waiting.shift() || (pictures.length > 1 || !shown ? pictures[++turn % pictures.length] : null);
  if (!next || next === shown) return later();
  show(next).catch(() => { since = performance.now() - stays + 2000; }).then(later);
}

function clear(names) {
  stage.textContent = '';
  shown = null;
  since = 0;
  empty.hidden = names.length > 0;
}

function news({ pictures: names, ai }) {
  signed = ai;
  const known = new Set(pictures), last = names.map((name) => known.has(name)).lastIndexOf(true);
  // What came late is news, too; what stands below all that is known moved up, and takes its turn.
  const end = known.size ? last : names.length;
  const fresh = names.slice(0, end < 0 ? 1 : end).filter((name) => !known.has(name));
  pictures = names;
  waiting = [...waiting.filter((name) => names.includes(name)), ...fresh.reverse()];
  if (waiting.length) { turn = -1; since = Math.min(since, performance.now() - STAYS + 2500); }
  closed.hidden = true;
  if (shown ? !names.includes(shown) : !names.length) clear(names);
}

listen(stage, news, () => {
  pictures = waiting = [];
  clear(pictures);
  empty.hidden = true;
  closed.hidden = false;
});
step();
