const lang = document.documentElement.lang;
// A browser that does not know the language would name the day in another one: then figures alone.
// Chromium says that it knows Kazakh, and has no words of it: November is M11, Tuesday is Tue.
const month = new Intl.DateTimeFormat(lang, { month: 'long' }).format();
const known = Intl.DateTimeFormat.supportedLocalesOf(lang).length > 0 && !/\d/.test(month);
for (const time of document.querySelectorAll('time')) {
  const at = new Date(time.dateTime), days = (at - Date.now()) / 864e5;
  const day = known && days < 6.5 ? { weekday: 'long' } : { day: 'numeric', month: known ? 'long' : '2-digit' };
  try {
    time.textContent = new Intl.DateTimeFormat(known ? lang : 'ru', Object.assign({ hour: 'numeric', minute: '2-digit' }, day)).format(at);
  } catch (error) { /* the time in UTC stays */ }
}
