// One screen that is read from five metres: how many, how bad, better or worse. Nothing on it wants to be clicked.

import { documents } from "../documents.js";
import { Page } from "../lib/page.js";
import { to } from "../lib/router.js";
import { clock } from "../lib/time.js";
import { entitle } from "../lib/title.js";
import { Component, h } from "../lib/view.js";
import { SEVERITIES, STATUSES, Severity } from "../parts/marks.js";
import { Failure } from "../parts/states.js";
import { Lasted } from "../parts/time.js";
import { Catalog } from "../state/catalog.js";
import { connection, onConnection } from "../state/live.js";
import { named, namesOf } from "../state/names.js";
import { ORDERS } from "../state/pieces.js";
import { listed } from "./board/words.js";
import { isReady, isWanted, play, toggle } from "./wall/sound.js";
import { SystemGrid } from "./wall/systems.js";
import { Trend } from "./wall/trend.js";

const WORST = 3;
const MINUTE = 60_000;
const DAY = 86_400_000;
const AWAKE_MILLIS = 4_000;
/** Where the picture goes, a pixel a minute, so that it does not burn into the screen. */
const SHIFTS = [[0, 0], [1, 0], [2, 1], [3, 2], [3, 3], [2, 3], [1, 2], [0, 1], [-1, 0], [-2, -1], [-3, -2], [-3, -3], [-2, -3], [-1, -2]];

/** The wall. */
export class Wall extends Page {
  day = dayUntil(Date.now());

  get shortcuts() {
    return [{ keys: ["s"], does: "Sound for new critical incidents", run: () => this.sound() }];
  }

  shown() {
    this.catalog = new Catalog(() => this.update());
    this.end = onConnection(() => this.update());
    this.everyMinute = setInterval(() => this.passMinute(), MINUTE);
    document.addEventListener("visibilitychange", this.stayAwake);
    this.stayAwake();
    entitle("Wall");
  }

  left() {
    this.catalog.stop();
    this.end();
    clearInterval(this.everyMinute);
    clearTimeout(this.sleeping);
    document.removeEventListener("visibilitychange", this.stayAwake);
    this.lock?.then((lock) => lock?.release());
    entitle();
  }

  passMinute() {
    this.minutes = (this.minutes ?? 0) + 1;
    // At once where something was opened or resolved, or the day would contradict the count beside it.
    if (this.minutes % 5 === 0 || this.open !== this.openThen) this.day = dayUntil(Date.now());
    this.openThen = this.open;
    this.update();
  }

  /** Keeps the screen on, where the browser can; it forgets that when the page is hidden. */
  stayAwake = () => {
    if (document.hidden || !navigator.wakeLock) return;
    this.lock = navigator.wakeLock.request("screen").catch(() => undefined);
  };

  /** Shows the controls for a while. */
  wake = () => {
    clearTimeout(this.sleeping);
    this.sleeping = setTimeout(() => {
      this.isAwake = false;
      this.update();
    }, AWAKE_MILLIS);
    if (this.isAwake) return;
    this.isAwake = true;
    this.update();
  };

  async sound() {
    await toggle();
    this.update();
  }

  /** Sounds for critical incidents that were not there before; not for those that were there at first. */
  listen(worst, count) {
    const critical = worst.filter(({ severity }) => severity === "CRITICAL").map(({ id }) => id);
    if (this.known && (critical.some((id) => !this.known.has(id)) || count > this.critical)) play();
    this.known = new Set(critical);
    this.critical = count;
  }

  render() {
    const list = this.follow("worst", documents.Incidents, { filter: { open: true }, first: WORST, orderBy: ORDERS.worst.orderBy }, { list: true });
    const { data } = this.follow("counts", documents.IncidentCounts, { filter: { open: true }, groupBy: ["SEVERITY"] });
    const lastDay = this.ask("day", documents.LastDay, this.day);
    if (list.error && !list.items.length) return h(Failure, { reason: list.error });
    if (!data || !list.loaded) return h("div", { class: "wall", "aria-busy": "true" }, h("h1", { class: "visually-hidden" }, "Wall"));
    const counts = Object.fromEntries(data.incidentCounts.map(({ severity, count }) => [severity, count]));
    const open = Object.values(counts).reduce((sum, count) => sum + count, 0);
    this.open = open;
    this.openThen ??= open;
    const names = namesOf(this.catalog?.systems ?? []);
    this.listen(list.items, counts.CRITICAL ?? 0);
    const [x, y] = SHIFTS[(this.minutes ?? 0) % SHIFTS.length];
    return h("div", { class: this.isAwake ? "wall is-awake" : "wall", vars: { "--x": `${x}px`, "--y": `${y}px` }, onpointermove: this.wake, onkeydown: this.wake, onfocusin: this.wake },
      h("div", { class: "wall-screen" },
        h("header", { class: "wall-top" },
          h("h1", { class: "wall-count" }, h("span", { class: open > 999 ? "wall-digits is-long" : "wall-digits" }, open.toLocaleString("en")), h("span", { class: "wall-open" }, "open")),
          h("ul", { class: "wall-severities" }, Object.keys(SEVERITIES).map((severity) =>
            h("li", { key: severity, class: counts[severity] ? undefined : "is-none" }, h("span", { class: "wall-number" }, (counts[severity] ?? 0).toLocaleString("en")), h(Severity, { severity })))),
          h(Trend, { points: lastDay.data?.incidentMetrics?.[0]?.points, open }),
          h("div", { class: "wall-now" }, h(Clock), h(Heard))),
        open ? h("ol", { class: "wall-worst" }, list.items.map((incident) => named(incident, names)).map((incident) => h(Worst, { key: incident.id, incident })))
          : h("p", { class: "wall-clear" }, "Nothing is open."),
        this.catalog?.systems && h(SystemGrid, { systems: this.catalog.systems })),
      h("div", { class: "wall-controls" },
        h("a", { class: "button", href: to() }, "Back to the board"),
        document.fullscreenEnabled && h("button", { class: "button", onclick: () => fill() }, "Full screen"),
        h("button", { class: "button", "aria-pressed": isWanted() && isReady() ? "true" : "false", onclick: () => this.sound() }, soundWords())));
  }
}

function Worst({ incident }) {
  const { title, severity, status, systems, occurredAt, acknowledgedAt, lead } = incident;
  return h("li", { class: `wall-incident ${severity.toLowerCase()}` },
    h(Severity, { severity, short: true }),
    h("p", { class: "wall-title", dir: "auto" }, title),
    h("p", { class: "wall-facts" },
      h("bdi", { class: "one-line" }, listed(systems.map(({ name }) => name))), h("span", {}, STATUSES[status]),
      lead ? h("bdi", { class: "one-line" }, lead.name ?? "Somebody leads") : h("span", { class: acknowledgedAt ? undefined : "wall-unseen" }, acknowledgedAt ? "Acknowledged" : "Not acknowledged")),
    h("p", { class: "wall-age" }, h(Lasted, { from: occurredAt })));
}

class Clock extends Component {
  mounted() {
    this.timer = setInterval(() => clock(Date.now()) === this.text || this.update(), 1_000);
  }

  removed() {
    clearInterval(this.timer);
  }

  render() {
    this.text = clock(Date.now());
    return h("time", { class: "wall-clock", datetime: this.text }, this.text);
  }
}

/** Whether all of this is still true. */
class Heard extends Component {
  mounted() {
    this.end = onConnection(() => this.update());
  }

  removed() {
    this.end();
  }

  render() {
    const { status, since } = connection();
    // A page that has just been loaded has heard everything.
    if (status === "live") this.at = undefined;
    else if (status !== "connecting" || this.wasLive) this.at ??= since;
    this.wasLive ||= status === "live";
    return h("p", { class: "wall-heard", role: "status", "data-status": status === "returning" ? status : this.at ? "behind" : status }, status === "returning" ? "Catching up" : this.at ? `Last heard at ${clock(this.at)}` : status === "live" ? "Live" : "Connecting");
  }
}

function soundWords() {
  if (!isWanted()) return "Sound is off";
  return isReady() ? "Sound is on" : "Allow sound";
}

function fill() {
  if (document.fullscreenElement) document.exitFullscreen();
  else document.documentElement.requestFullscreen().catch(() => {});
}

/** The 24 hours until now, in whole minutes so that the same question is asked only once. */
function dayUntil(now) {
  const end = Math.floor(now / MINUTE) * MINUTE;
  return { from: new Date(end - DAY).toISOString(), to: new Date(end).toISOString() };
}
