// Times as people say them: relative up to a day, then dates; the exact one is in the title and in `datetime`.

const locale = document.documentElement.lang || "en";
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const exactly = new Intl.DateTimeFormat(locale, { dateStyle: "full", timeStyle: "long" });
const clockTime = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const dayTime = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const yearTime = new Intl.DateTimeFormat(locale, { dateStyle: "medium" });
const dayOnly = new Intl.DateTimeFormat(locale, { weekday: "long", day: "numeric", month: "long" });

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** The reader's own zone, such as "Europe/Vienna". */
export const ZONE = zone;

/** Returns a moment in full, with its zone. */
export const exact = (at) => exactly.format(new Date(at));

/** Returns the time of day as 14:05. */
export const clock = (at) => clockTime.format(new Date(at));

/** Returns a day as "Monday, 30 November". */
export const day = (at) => dayOnly.format(new Date(at));

/** Returns a moment as "just now", "4 min ago", "3 h ago", or a date. */
export function ago(at, now = Date.now()) {
  const seconds = (now - new Date(at)) / 1000;
  if (seconds < -30) return `in ${span(-seconds)}`;
  if (seconds < 45) return "just now";
  return seconds < DAY ? `${span(seconds)} ago` : date(at, now);
}

/** Returns a moment as a date, with its time where it was this year. */
export function date(at, now = Date.now()) {
  const moment = new Date(at);
  return moment.getFullYear() === new Date(now).getFullYear() ? dayTime.format(moment) : yearTime.format(moment);
}

/** Returns a length in seconds as its two largest units: "42 s", "4 min", "3 h 5 min", "2 d 4 h". */
export function span(seconds) {
  seconds = Math.max(0, Math.round(seconds));
  if (seconds < MINUTE) return `${seconds} s`;
  if (seconds < HOUR) return `${Math.round(seconds / MINUTE)} min`;
  if (seconds < DAY) {
    const minutes = Math.floor((seconds % HOUR) / MINUTE);
    return `${Math.floor(seconds / HOUR)} h${minutes ? ` ${minutes} min` : ""}`;
  }
  const hours = Math.floor((seconds % DAY) / HOUR);
  return `${Math.floor(seconds / DAY)} d${hours && seconds < 14 * DAY ? ` ${hours} h` : ""}`;
}

/** Returns how long something lasted, or has lasted until now. */
export const lasted = (from, to, now = Date.now()) => span((new Date(to ?? now) - new Date(from)) / 1000);

/** Keeps the texts of all <time data-as> right, without rendering anything again. */
export function startTicking() {
  setInterval(() => {
    if (document.hidden) return;
    const now = Date.now();
    for (const element of document.querySelectorAll("time[data-as]")) {
      const text = (element.dataset.as === "span" ? (at) => lasted(at, undefined, now) : (at) => ago(at, now))(element.dateTime);
      if (element.firstChild && element.firstChild.data !== text) element.firstChild.data = text;
    }
  }, 10_000);
}
