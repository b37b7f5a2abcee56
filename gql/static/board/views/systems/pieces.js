// The pieces of a band, with their words: made of days, of hours, or of periods with the same causes.

import { clock, span } from "../../lib/time.js";
import { dayOf, gradeOf, wordsOf } from "./uptime.js";

const moment = new Intl.DateTimeFormat(document.documentElement.lang || "en", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const GAP = 0.25;

/** Returns a piece for each point, all of the same width. */
function evenly(points, whenOf) {
  return points.map((point, nth) => {
    const state = wordsOf(point);
    const when = whenOf(point);
    return { from: nth / points.length, to: (nth + 1) / points.length, gap: GAP / points.length, ...gradeOf(point), maintenance: point.maintenanceSeconds >= 1, when, state, words: `${when}: ${state}` };
  });
}

/** Returns the pieces of days. */
export const ofPoints = (points) => evenly(points, ({ from }) => dayOf(from));

/** Returns the pieces of hours. */
export const ofHours = (points) => evenly(points, ({ from, to }) => `${moment.format(new Date(from))} to ${clock(to)}`);

/** Returns the pieces of periods from a moment until now; before the first one nothing is known. */
export function lately(periods, from, now = Date.now()) {
  const begin = new Date(from).getTime();
  const place = (at) => Math.min(1, Math.max(0, (new Date(at) - begin) / (now - begin)));
  const first = periods.length ? place(periods[0].from) : 1;
  const unknown = first > 0.001 ? [{ from: 0, to: first, kind: "unknown", share: 0, when: "Before", state: "not there yet", words: "Before it was added" }] : [];
  return [...unknown, ...periods.map((period, nth) => {
    const end = nth === periods.length - 1 ? "now" : moment.format(new Date(period.to));
    const when = `${moment.format(new Date(period.from))} to ${end}`;
    const state = causesOf(period);
    return { from: place(period.from), to: nth === periods.length - 1 ? 1 : place(period.to), kind: period.status.toLowerCase(), share: period.status === "UNHEALTHY" ? 1 : 0.55, maintenance: period.underMaintenance, when, state, words: `${when}: ${state}` };
  })];
}

/** Returns what made it so: "unhealthy for 4 min, as an incident set it; reported healthy". */
function causesOf({ from, to, status, reported, override, underMaintenance }) {
  const parts = [`${status.toLowerCase()} for ${span((new Date(to) - new Date(from)) / 1000)}`];
  if (override && override === status) parts.push(`as an incident set it${reported === status ? " and reports say" : `; reported ${reported.toLowerCase()}`}`);
  else if (status !== "HEALTHY") parts.push("as reported");
  if (underMaintenance) parts.push("under maintenance");
  return parts.join(", ");
}
