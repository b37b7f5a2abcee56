// Uptime in words and numbers. Days are those of UTC, as the server counts them.

import { span } from "../../lib/time.js";

const DAY_MILLIS = 86_400_000;
const locale = document.documentElement.lang || "en";
const dayOfUtc = new Intl.DateTimeFormat(locale, { weekday: "short", day: "numeric", month: "long", timeZone: "UTC" });

/** Returns when the first of so many days began, today the last one. */
export function daysAgo(days, now = Date.now()) {
  return new Date(Math.floor(now / DAY_MILLIS) * DAY_MILLIS - (days - 1) * DAY_MILLIS).toISOString();
}

/** Returns a share as "99.95 %", never rounded up to 100. */
export function percent(share) {
  if (share === 1) return "100 %";
  return `${(Math.floor(share * 10_000) / 100).toFixed(2)} %`;
}

/** Returns the share of the known time in all points in which a system worked, or nothing where nothing is known. */
export function uptimeOf(points) {
  let known = 0;
  let lost = 0;
  for (const { healthySeconds, degradedSeconds, unhealthySeconds } of points) {
    known += healthySeconds + degradedSeconds + unhealthySeconds;
    lost += unhealthySeconds;
  }
  return known ? (known - lost) / known : undefined;
}

/** Returns how bad a point was: unknown, healthy, degraded or unhealthy, and which share of its known time. */
export function gradeOf({ uptime, healthySeconds, degradedSeconds, unhealthySeconds }) {
  if (uptime === null) return { kind: "unknown", share: 0 };
  const known = healthySeconds + degradedSeconds + unhealthySeconds;
  // Less than a second is a report that was taken back at once.
  if (unhealthySeconds >= 1) return { kind: "unhealthy", share: (unhealthySeconds + degradedSeconds) / known };
  if (degradedSeconds >= 1) return { kind: "degraded", share: degradedSeconds / known };
  return { kind: "healthy", share: 0 };
}

/** Returns what a point is to be told as: "healthy throughout", "4 min unhealthy, 1 h degraded". */
export function wordsOf(point) {
  if (point.uptime === null) return "nothing is known";
  const parts = [];
  if (point.unhealthySeconds >= 1) parts.push(`${span(point.unhealthySeconds)} unhealthy`);
  if (point.degradedSeconds >= 1) parts.push(`${span(point.degradedSeconds)} degraded`);
  if (!parts.length) parts.push("healthy throughout");
  if (point.maintenanceSeconds >= 1) parts.push(`${span(point.maintenanceSeconds)} under maintenance`);
  return parts.join(", ");
}

/** Returns a day of UTC as "Mon, 30 November". */
export const dayOf = (at) => dayOfUtc.format(new Date(at));
