// What the page does where scripts run: times by the reader's clock, days read one by one, and the present state.

const EVERY = 30_000;
// Days before months, as in the texts of the server.
const locale = { en: "en-GB" }[document.documentElement.lang] ?? document.documentElement.lang;
const options = { month: "long", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZoneName: "short" };
const thisYear = new Intl.DateTimeFormat(locale, options);
const otherYear = new Intl.DateTimeFormat(locale, { ...options, year: "numeric" });
const clock = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const dayOf = new Intl.DateTimeFormat(locale, { month: "long", day: "numeric", timeZone: "UTC" });

const live = document.getElementById("live");
const said = document.getElementById("said");
let seen = Date.now();
let isLooking = false;

// As the server sent it: the readers' days and times are put into what is shown.
let known = document.querySelector("main")?.innerHTML;
localize(document);
if (live && document.querySelector("main")) {
  show(true);
  // Readers who came at the same moment do not come back at the same moment.
  setTimeout(() => setInterval(look, EVERY), Math.random() * EVERY);
  addEventListener("online", look);
  addEventListener("offline", () => show(false));
  document.addEventListener("visibilitychange", () => document.hidden || look());
}
for (const type of ["pointermove", "focusin", "keydown"]) document.addEventListener(type, read);
for (const type of ["pointerout", "focusout"]) document.addEventListener(type, forget);

function localize(within) {
  for (const time of within.querySelectorAll("time:not([data-day])")) {
    const at = new Date(time.dateTime);
    time.title = time.textContent;
    time.textContent = (at.getFullYear() === new Date().getFullYear() ? thisYear : otherYear).format(at);
  }
}

/** Fetches the page again, and puts what is new in the place of the old. */
async function look() {
  if (isLooking || document.hidden) return;
  isLooking = true;
  try {
    const answer = await fetch(location.href, { cache: "no-cache", signal: AbortSignal.timeout(20_000) });
    if (!answer.ok && answer.status !== 404) throw new Error(answer.statusText);
    put(new DOMParser().parseFromString(await answer.text(), "text/html"));
    seen = Date.now();
    show(true);
  } catch {
    show(false);
  } finally {
    isLooking = false;
  }
}

function show(isOn) {
  live.hidden = false;
  live.classList.toggle("off", !isOn);
  const time = clock.format(seen);
  live.textContent = isOn ? live.dataset.on : live.dataset.off.replace("{time}", time);
  live.title = live.dataset.checked.replace("{time}", time);
}

function put(page) {
  const [before, after] = [document, page].map((each) => each.querySelector("main"));
  const [old, none] = [document, page].map((each) => each.querySelector(".old"));
  old?.remove();
  if (none) before.before(none);
  if (!after || page.documentElement.lang !== document.documentElement.lang) return;
  if (known === after.innerHTML) return;
  known = after.innerHTML;
  localize(after);
  const sentence = after.querySelector("h1")?.textContent.trim();
  if (sentence !== before.querySelector("h1")?.textContent.trim()) said.textContent = sentence;
  const held = document.activeElement;
  const path = before.contains(held) ? (held.id ? `#${CSS.escape(held.id)}` : `[href="${CSS.escape(held.getAttribute("href") ?? "")}"]`) : null;
  // What the reader looks at stays where it is: what has the focus, else the first thing with a name that is in sight.
  const anchor = path ? held : [...before.querySelectorAll("[id]")].find((each) => each.getBoundingClientRect().top >= 0);
  const top = anchor?.getBoundingClientRect().top;
  before.replaceChildren(...after.childNodes);
  document.title = page.title;
  const same = path ? before.querySelector(path) : anchor && document.getElementById(anchor.id);
  if (path) same?.focus({ preventScroll: true });
  if (same && scrollY > 0) scrollBy({ top: same.getBoundingClientRect().top - top, behavior: "instant" });
}

/** Says of the day under the pointer, or of the one that the arrow keys chose, what was lost. */
function read(event) {
  const bars = event.target.closest?.(".bars");
  if (!bars) return;
  const days = 90;
  let day = Number(bars.dataset.day ?? days - 1);
  if (event.type === "pointermove") {
    const { left, width } = bars.getBoundingClientRect();
    day = Math.floor(((event.clientX - left) / width) * days);
  } else if (event.type === "keydown") {
    const step = { ArrowLeft: -1, ArrowRight: 1, Home: -days, End: days }[event.key];
    if (!step) return;
    event.preventDefault();
    day += step;
  } else if (!bars.matches(":focus-visible")) return;
  day = Math.max(0, Math.min(days - 1, day));
  bars.dataset.day = day;
  const list = bars.closest(".systems");
  const words = bars.parentElement.querySelector(".words");
  words.dataset.uptime ??= words.textContent;
  const shown = [...bars.querySelectorAll("g")].find((each) => each.querySelector("path").getAttribute("d").startsWith(`M${day * 5} `));
  const unknown = Number(/h(\d+)/.exec(bars.querySelector(".unknown")?.getAttribute("d"))?.[1] ?? 0);
  const date = dayOf.format(Date.now() - (days - 1 - day) * 86_400_000);
  const plain = day * 5 < unknown ? list.dataset.unknown : list.dataset.good;
  words.textContent = shown ? shown.querySelector("title").textContent : `${date}: ${plain}`;
  if (event.type === "keydown") said.textContent = words.textContent;
  else if (event.type === "focusin") said.textContent = list.dataset.keys;
}

function forget(event) {
  const bars = event.target.closest?.(".bars");
  if (!bars || bars.contains(event.relatedTarget)) return;
  const words = bars.parentElement.querySelector(".words");
  if (words.dataset.uptime) words.textContent = words.dataset.uptime;
  delete bars.dataset.day;
}
