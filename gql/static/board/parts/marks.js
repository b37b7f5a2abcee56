// Severity, status and health: colour, shape and word together.

import { h } from "../lib/view.js";

/** The words of severities, worst first, and those of statuses and healths. */
export const SEVERITIES = { CRITICAL: "Critical", MAJOR: "Major", MINOR: "Minor" };
export const STATUSES = {
  INVESTIGATING: "Investigating",
  IDENTIFIED: "Identified",
  FIXING: "Fixing",
  MONITORING: "Monitoring",
  RESOLVED: "Resolved",
};
export const HEALTHS = { HEALTHY: "Healthy", DEGRADED: "Degraded", UNHEALTHY: "Unhealthy" };

const shape = (...children) => h("svg", { viewBox: "0 0 12 12", "aria-hidden": "true", fill: "currentColor" }, ...children);
const SHAPES = {
  CRITICAL: () => shape(h("rect", { x: 1, y: 1, width: 10, height: 10, rx: 1 })),
  MAJOR: () => shape(h("path", { d: "M6 1 11.5 11h-11z" })),
  MINOR: () => shape(h("circle", { cx: 6, cy: 6, r: 4, fill: "none", stroke: "currentColor", "stroke-width": 2 })),
  HEALTHY: () => shape(h("circle", { cx: 6, cy: 6, r: 4.5 })),
  DEGRADED: () => shape(h("path", { d: "M6 1 11.5 11h-11z" })),
  UNHEALTHY: () => shape(h("rect", { x: 1, y: 1, width: 10, height: 10, rx: 1 })),
  MAINTENANCE: () => shape(h("path", { d: "M1 9 9 1h2v2L3 11H1zM1 4.500 4.500 1h2.500L1 7zM5 11l6-6v2.500L7.500 11z" })),
};

/** A severity's mark and, unless `short`, its word, which screen readers get in any case. */
export function Severity({ severity, short }) {
  return mark(severity, SEVERITIES[severity], short);
}

/** A system's health, or that it is under maintenance. */
export function HealthMark({ status, underMaintenance, short }) {
  return underMaintenance ? mark("MAINTENANCE", "Under maintenance", short) : mark(status, HEALTHS[status], short);
}

function mark(kind, word, short) {
  return h("span", { class: `mark ${kind.toLowerCase()}`, title: short ? word : undefined },
    SHAPES[kind](), h("span", { class: short ? "visually-hidden" : undefined }, word));
}
