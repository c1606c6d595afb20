// Times in the viewer's own zone and language: <time datetime="…Z" data-time="moment|minute|ago|clock|day">.
const language = document.documentElement.lang;
const clock = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
const moment = { day: "numeric", month: "short", ...clock, second: "2-digit" };
const minute = { weekday: "short", day: "numeric", month: "short", ...clock };
const far = 300 * 86_400_000; // from now on, day and month may be taken for this year's
const formats = {
  moment: new Intl.DateTimeFormat(language, moment),
  minute: new Intl.DateTimeFormat(language, minute),
  clock: new Intl.DateTimeFormat(language, clock),
  day: new Intl.DateTimeFormat(language, { day: "numeric", month: "long", year: "numeric" }),
};
const withYear = {
  moment: new Intl.DateTimeFormat(language, { ...moment, year: "numeric" }),
  minute: new Intl.DateTimeFormat(language, { ...minute, weekday: undefined, year: "numeric" }),
};
const whole = new Intl.DateTimeFormat(language, { dateStyle: "full", timeStyle: "long" });
const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
const steps = [["day", 86400], ["hour", 3600], ["minute", 60]];

function ago(date) {
  const seconds = Math.round((date - Date.now()) / 1000);
  const [unit, length] = steps.find(([, size]) => Math.abs(seconds) >= size) ?? ["minute", 60];
  if (Math.abs(seconds) > 30 * 86400) return formats.day.format(date);
  return relative.format(Math.round(seconds / length), unit);
}

function text(date, form) {
  if (form === "ago") return ago(date);
  const isFar = Math.abs(date - Date.now()) > far;
  return ((isFar && withYear[form]) || formats[form]).format(date);
}

export function localise(root) {
  for (const element of root.querySelectorAll("time[data-time]")) {
    const date = new Date(element.dateTime);
    if (Number.isNaN(date.valueOf())) continue;
    element.textContent = text(date, element.dataset.time);
    element.title = whole.format(date);
  }
  for (const input of root.querySelectorAll("input[data-utc]")) {
    const date = new Date(input.dataset.utc);
    if (input.dataset.utc && !Number.isNaN(date.valueOf())) {
      input.value = new Date(date - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
    }
    delete input.dataset.utc;
    input.dataset.instant = "";
  }
}

// What was typed as local time is sent as the instant that it means.
document.addEventListener("htmx:configRequest", (event) => {
  for (const input of document.querySelectorAll("input[data-instant]")) {
    if (event.detail.parameters[input.name] && input.value) {
      event.detail.parameters[input.name] = new Date(input.value).toISOString().replace(".000Z", "Z");
    }
  }
});

document.addEventListener("htmx:load", (event) => localise(event.detail.elt.parentElement ?? document));
localise(document);
setInterval(() => localise(document), 60_000);
