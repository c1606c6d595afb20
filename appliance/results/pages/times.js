for (const time of document.querySelectorAll('time')) {
  const at = new Date(time.dateTime), days = (at - Date.now()) / 864e5;
  const day = days < 6.5 ? { weekday: 'long' } : { day: 'numeric', month: 'long' };
  try {
    time.textContent = new Intl.DateTimeFormat(document.documentElement.lang, { ...day, hour: 'numeric', minute: '2-digit' }).format(at);
  } catch { /* the time in UTC stays */ }
}
