// Local times of any time zone, and the moments that they are.

import { ZONE } from "../../lib/time.js";

const DAY = 86_400_000;
const formats = new Map();

/** Returns the names of all zones that this browser knows, with UTC. */
export const zoneNames = () => ["UTC", ...(Intl.supportedValuesOf?.("timeZone") ?? [ZONE])];

/** Returns whether this is the name of a zone. */
export function isZone(name) {
  try {
    formatOf(name);
    return true;
  } catch {
    return false;
  }
}

/** Returns a moment by the clocks of a zone, as "2029-03-04T02:00". */
export const localOf = (at, zone) => new Date(shiftedOf(new Date(at).valueOf(), zone)).toISOString().slice(0, 16);

/**
 * Returns the moment of such a text by the clocks of a zone, as ISO in UTC; nothing where it is no time. Where clocks show
 * it twice it is the first time, and where they skip it, by the offset before.
 */
export function momentOf(local, zone) {
  const wanted = Date.parse(`${local}Z`);
  if (Number.isNaN(wanted)) return undefined;
  // Offsets change at most once within two days.
  const [before, after] = [wanted - DAY, wanted + DAY].map((at) => shiftedOf(at, zone) - at);
  const found = [wanted - before, wanted - after].filter((at) => shiftedOf(at, zone) === wanted);
  return new Date(found.length ? Math.min(...found) : wanted - before).toISOString();
}

/** Returns a span as "Sun, 4 Mar, 02:00 to 04:00" by the clocks of a zone, with the year where it is another one. */
export function spanIn(from, to, zone = ZONE, now = Date.now()) {
  const isThisYear = [from, to].every((at) => new Date(at).getFullYear() === new Date(now).getFullYear());
  const date = { weekday: "short", day: "numeric", month: "short", ...(!isThisYear && { year: "numeric" }), timeZone: zone };
  const time = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: zone };
  const show = (at, options) => new Intl.DateTimeFormat("en-GB", options).format(new Date(at));
  const isOneDay = show(from, date) === show(to, date);
  return `${show(from, date)}, ${show(from, time)} to ${isOneDay ? "" : `${show(to, date)}, `}${show(to, time)}`;
}

function shiftedOf(at, zone) {
  const parts = Object.fromEntries(formatOf(zone).formatToParts(at).map(({ type, value }) => [type, Number(value)]));
  return Date.UTC(parts.year, parts.month - 1, parts.day, parts.hour, parts.minute, parts.second);
}

function formatOf(zone) {
  if (!formats.has(zone)) {
    const numbers = Object.fromEntries(["year", "month", "day", "hour", "minute", "second"].map((name) => [name, "numeric"]));
    formats.set(zone, new Intl.DateTimeFormat("en", { ...numbers, hourCycle: "h23", timeZone: zone }));
  }
  return formats.get(zone);
}
