// What runs and steps are: a mark and a word each, and the reasons why firings led to no run.

import { h } from "../../lib/view.js";

/** The words of all statuses, and those of reasons. */
export const RUNS = { PENDING: "Pending", RUNNING: "Running", WAITING: "Waiting", SUCCESS: "Done", FAILED: "Failed", CANCELLED: "Cancelled", SKIPPED: "Skipped" };
export const REASONS = {
  ALREADY_RUNNING: "A run was active, and it has one at a time", CONDITION: "A condition did not hold", DEPTH: "The chain of automations was too long", DISABLED: "It was switched off meanwhile",
  DWELL_ARMED: "It has to hold for a time, which began then", DWELL_BROKEN: "It did not hold for long enough", ERROR: "A check failed", FILTER: "The filter did not hold", MAX_RUNS: "Too many runs were active",
  ONCE: "It ran for this one before", QUEUE_FULL: "The queue was full", RATE_LIMIT: "Too many runs had begun", WINDOW: "It had not happened often enough",
};
const PATHS = {
  SUCCESS: "M2 6.500 5 9.500 10.500 3", FAILED: "M2.500 2.500l7 7M9.500 2.500l-7 7", CANCELLED: "M2.500 6h7", SKIPPED: "M2 3l3.500 3L2 9M6.500 3l3.500 3-3.500 3",
  RUNNING: "M3 2l7 4-7 4z", WAITING: "M4 2v8M8 2v8", PENDING: "M6 1.500a4.500 4.500 0 1 0 .01 0",
};
const ACTIVE = ["PENDING", "RUNNING", "WAITING"];

/** Returns whether a run goes on. */
export const isActive = ({ status }) => ACTIVE.includes(status);

/** A status with its mark and its word. */
export function RunMark({ status, short }) {
  return h("span", { class: `mark run-mark ${status.toLowerCase()}`, title: short ? RUNS[status] : undefined },
    h("svg", { viewBox: "0 0 12 12", fill: "none", stroke: "currentColor", "stroke-width": 1.8, "stroke-linecap": "round", "stroke-linejoin": "round", "aria-hidden": "true" }, h("path", { d: PATHS[status] })),
    h("span", { class: short ? "visually-hidden" : undefined }, RUNS[status]));
}

/** Why a run ended, or why there was none, in words; nothing where all went well. */
export const reasonOf = ({ reason, message }) => [reason && REASONS[reason], message].filter(Boolean).join(". ") || undefined;
