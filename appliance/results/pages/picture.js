const share = document.getElementById('share'), said = document.getElementById('status');
const link = location.origin + location.pathname;
const ignore = () => {};

async function asFile() {
  const picture = await (await fetch(share.dataset.file)).blob();
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
    document.execCommand('copy');
    field.remove();
  }
  said.textContent = share.dataset.copied;
}

if (navigator.share) {
  // The file is fetched before the tap: phones share only within a moment of it.
  let ready = null;
  const fetchFile = () => { ready ??= asFile().catch(() => null); return ready; };
  share.addEventListener('pointerdown', fetchFile);
  share.addEventListener('click', async () => {
    const file = await fetchFile();
    const whole = { files: [file], title: document.title };
    const what = file && navigator.canShare?.(whole) ? whole : { url: link, title: document.title };
    navigator.share(what).catch(ignore);
  });
} else {
  share.querySelector('span').textContent = share.dataset.copy;
  share.addEventListener('click', () => copyLink().catch(ignore));
}
share.hidden = false;

const frame = document.getElementById('frame'), range = frame.querySelector('input');
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
}
