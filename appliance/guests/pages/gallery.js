const grid = document.getElementById('grid'), fresh = document.getElementById('fresh');
const path = grid.dataset.path;
const atTop = () => scrollY < 300;
const known = () => new Map([...grid.children].map((item) => [item.dataset.name, item]));

function made(name, signed) {
  const item = document.createElement('li'), link = document.createElement('a'), image = new Image(320, 320);
  item.dataset.name = name;
  link.href = `${path}/p/${name}`;
  image.src = `${link.href}/preview?w=320`;
  image.alt = grid.dataset.alt;
  link.append(image);
  if (signed) {
    const sign = document.createElement('span');
    sign.className = 'sign';
    sign.textContent = grid.dataset.sign;
    link.className = 'signed';
    link.append(sign);
  }
  item.append(link);
  item.className = 'fresh';
  return item;
}

function show({ pictures: names, gone, ai }) {
  for (const item of [...grid.children]) if (gone.includes(item.dataset.name)) item.remove();
  const items = known(), wanted = new Set(names);
  const last = items.get(names.filter((name) => items.has(name)).pop());
  // What stands above the last of the newest and is not among them has expired.
  for (const [name, item] of items) {
    if (item === last) break;
    if (!wanted.has(name)) item.remove();
  }
  // Each new one comes before the one that it is newer than; what ends the first page may be on the next.
  let below = last ? last.nextElementSibling : null, elsewhere = last && !below && document.getElementById('more');
  const added = [];
  for (const name of names.slice().reverse()) {
    const item = items.get(name) || (elsewhere ? null : made(name, ai.includes(name)));
    if (!item) continue;
    if (!items.has(name)) added.push(grid.insertBefore(item, below));
    below = item;
    elsewhere = null;
  }
  if (!names.length) grid.textContent = '';
  document.getElementById('empty').hidden = grid.children.length > 0;
  if (added.length) fresh.hidden = atTop();
}

// Many guests share an address, and lines break: a thumbnail that did not come is asked for again.
const asked = new WeakMap();
function askAgain(image) {
  const times = asked.get(image) || 0;
  if (times === 5) return;
  asked.set(image, times + 1);
  setTimeout(() => {
    if (!image.isConnected) return;
    const address = image.src;
    image.removeAttribute('src'); // WebKit gives the same address its earlier failure again
    image.src = address;
  }, 1000 + Math.random() * 3000);
}
grid.addEventListener('error', (event) => askAgain(event.target), true);
for (const image of grid.querySelectorAll('img')) if (image.complete && !image.naturalWidth) askAgain(image);

fresh.addEventListener('click', (event) => {
  event.preventDefault();
  fresh.hidden = true;
  scrollTo({ top: 0, behavior: 'smooth' });
});
// It stays until they are seen, whatever else is new meanwhile.
addEventListener('scroll', () => { if (atTop()) fresh.hidden = true; }, { passive: true });

let more = document.getElementById('more');
async function addPage() {
  const answer = await fetch(more.href);
  if (!answer.ok) throw new Error(answer.status);
  // Styles of another page are not ours: the policy would complain of them.
  const text = (await answer.text()).replace(/<style[^]*?<\/style>/g, '');
  const next = new DOMParser().parseFromString(text, 'text/html');
  const items = known(), added = next.querySelectorAll('#grid > li');
  for (const item of added) if (!items.has(item.dataset.name)) grid.append(item);
  const further = next.getElementById('more');
  if (further) more.href = further.getAttribute('href');
  else { more.parentElement.remove(); more = null; }
  return added.length;
}

const watcher = new IntersectionObserver(async (seen) => {
  if (!seen[seen.length - 1].isIntersecting) return; // a slow phone tells several changes at once
  watcher.unobserve(more);
  try {
    await addPage();
    if (more) watcher.observe(more);
  } catch (error) { setTimeout(() => watcher.observe(more), 3000); }
}, { rootMargin: '800px' });

// Who comes back from a picture finds it again, however far down it stood.
grid.addEventListener('click', (event) => {
  const item = event.target.closest('li');
  if (item) history.replaceState({ name: item.dataset.name, count: grid.children.length }, '');
});
async function findAgain({ name, count }) {
  try {
    let page = grid.children.length;
    // A page more than there was then: new pictures may have come above.
    while (more && !known().has(name) && grid.children.length < count + page) page = await addPage();
  } catch (error) { /* the line broke: what has come is shown */ }
  const item = known().get(name);
  if (item) item.scrollIntoView({ block: 'center' });
}
const [way] = performance.getEntriesByType('navigation');
let left = way && way.type === 'back_forward' && history.state;
if (!left && location.hash) {
  // By the picture's own link back, which names it. Named once: a reload is to begin at the top.
  left = { name: location.hash.slice(1), count: Infinity };
  history.replaceState(null, '', path);
}
(left && left.name ? findAgain(left) : Promise.resolve()).then(() => { if (more) watcher.observe(more); });
if ('live' in grid.dataset) listen(grid, show, () => location.reload());
