const share = document.getElementById('share'), said = document.getElementById('status');
const link = location.origin + location.pathname;

async function asFile() {
  const answer = await fetch(share.dataset.file);
  if (!answer.ok) throw new Error(answer.status);
  const picture = await answer.blob();
  return new File([picture], share.dataset.name, { type: picture.type });
}

async function copyLink() {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(link);
  } else {
    const field = document.createElement('input');
    field.value = link;
    document.body.append(field);
    field.select();
    const done = document.execCommand('copy');
    field.remove();
    if (!done) throw new Error('refused');
  }
  said.textContent = share.dataset.copied;
}
// Where copying is refused, the link can be read.
const copy = () => copyLink().catch(() => { said.textContent = link; });

if (navigator.share) {
  // Phones share only within a moment of the tap; a file that comes later is there for the next one.
  const MOMENT = 2500;
  let ready = null, waiting = false;
  const fetchFile = () => { ready = ready || asFile().catch(() => { ready = null; }); return ready; };
  share.addEventListener('pointerdown', fetchFile);
  share.addEventListener('click', async () => {
    if (waiting) return;
    waiting = true;
    const file = await Promise.race([fetchFile(), new Promise((give) => setTimeout(give, MOMENT))]);
    waiting = false;
    const whole = { files: [file], title: document.title };
    const can = file && navigator.canShare && navigator.canShare(whole);
    try {
      await navigator.share(can ? whole : { url: link, title: document.title });
    } catch (error) {
      if (error.name !== 'AbortError') copy();
    }
  });
} else {
  share.querySelector('span').textContent = share.dataset.copy;
  share.addEventListener('click', copy);
}
share.hidden = false;

const frame = document.getElementById('frame'), shot = frame.querySelector('.shot');
// Many guests share an address, and lines break: a picture that did not come is asked for again.
let asked = 0;
function askAgain() {
  if (asked === 5) return;
  asked += 1;
  setTimeout(() => {
    if (shot.naturalWidth) return;
    const { srcset } = shot;
    shot.removeAttribute('srcset'); // WebKit gives the same address its earlier failure again
    shot.srcset = srcset;
  }, 1000 + Math.random() * 3000);
}
shot.addEventListener('error', askAgain);
if (shot.complete && !shot.naturalWidth) askAgain();
// A long press saves what is shown: by then it is the picture itself, not its size for this screen.
const whole = () => {
  if (!shot.hasAttribute('srcset')) return;
  const { srcset, sizes, src } = shot;
  // Where the line breaks meanwhile, what was shown is shown again.
  shot.addEventListener('error', () => Object.assign(shot, { srcset, sizes, src }), { once: true });
  shot.removeAttribute('srcset');
  shot.removeAttribute('sizes');
  shot.src = share.dataset.file;
};
let press = 0;
shot.addEventListener('pointerdown', () => { press = setTimeout(whole, 250); });
for (const end of ['pointerup', 'pointercancel', 'pointerleave']) shot.addEventListener(end, () => clearTimeout(press));
shot.addEventListener('contextmenu', whole);

const range = frame.querySelector('input');
if (range) {
  const [left, right] = frame.querySelectorAll('.tag');
  const set = (value) => {
    range.value = value;
    frame.style.setProperty('--cut', `${value}%`);
    left.hidden = value < 28;
    right.hidden = value > 72;
  };
  for (const part of frame.querySelectorAll('[hidden]')) part.hidden = false;
  frame.classList.add('compare');
  range.addEventListener('input', () => set(range.value));
  set(12);
  // Chromium would drag the picture that lies under the thumb.
  frame.addEventListener('dragstart', (event) => event.preventDefault());
}
