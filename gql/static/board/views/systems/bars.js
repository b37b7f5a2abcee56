// A small row of bars, one a day. A few paths and not a shape for each day, because lists have hundreds of these.

import { dayOf, gradeOf, percent, uptimeOf, wordsOf } from "./uptime.js";
import { h } from "../../lib/view.js";

const STEP = 4;
const WIDTH = 3;
const HEIGHT = 20;
const LEAST = 0.3;

/** The bars of some days, and the uptime in them; lines hold their place until the points are known. */
export function UptimeBars({ points, days }) {
  const share = points && uptimeOf(points);
  return h("span", { class: "uptime-bars" },
    h("svg", { viewBox: `0 0 ${days * STEP - 1} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": points ? labelOf(points, days) : "Uptime is being loaded" },
      Object.entries(points ? pathsOf(points) : { unknown: everyDay(days) }).map(([kind, d]) => h("path", { key: kind, class: `bar-${kind}`, d }))),
    h("span", { class: "digits small muted" }, points ? (share === undefined ? "no data" : percent(share)) : ""));
}

function pathsOf(points) {
  const paths = { healthy: "", unknown: "", degraded: "", unhealthy: "" };
  points.forEach((point, nth) => {
    const { kind, share } = gradeOf(point);
    // What is bad stands on a bar of what is good; even a minute has to be seen.
    const height = kind === "degraded" || kind === "unhealthy" ? HEIGHT * Math.max(LEAST, share) : 0;
    if (kind === "unknown") paths.unknown += bar(nth, HEIGHT - 2, HEIGHT);
    else if (height < HEIGHT) paths.healthy += bar(nth, 0, HEIGHT - height);
    if (height) paths[kind] += bar(nth, HEIGHT - height, HEIGHT);
  });
  return paths;
}

const bar = (nth, from, to) => `M${nth * STEP} ${from}h${WIDTH}V${to}h-${WIDTH}z`;
const everyDay = (days) => Array.from({ length: days }, (_, nth) => bar(nth, HEIGHT - 2, HEIGHT)).join("");

function labelOf(points, days) {
  const share = uptimeOf(points);
  if (share === undefined) return `No data of the last ${days} days`;
  const bad = points.filter((point) => ["degraded", "unhealthy"].includes(gradeOf(point).kind));
  const worst = bad.reduce((a, b) => (!a || lost(b) > lost(a) ? b : a), undefined);
  return `${percent(share)} up in ${days} days` + (worst ? `; the worst was ${dayOf(worst.from)}: ${wordsOf(worst)}` : "");
}

const lost = ({ unhealthySeconds, degradedSeconds }) => unhealthySeconds * 1000 + degradedSeconds;
