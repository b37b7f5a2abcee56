// What the board says in sentences: how things are, and who did what.

import { SEVERITIES, STATUSES } from "../../parts/marks.js";

const MOST_NAMES = 3;
const ACTORS = { USER: "Somebody", SERVICE: "A service", APPLICATION: "An application", AUTOMATION: "An automation", SYSTEM: "The server" };
/** Changes of one field each, as the words before and behind the incident; the first one that a change has is told. */
const TELLING = [
  ["acknowledgedAt", (at) => at && ["acknowledged"]],
  ["status", (status) => status && ["moved", `to ${STATUSES[status.toUpperCase()].toLowerCase()}`]],
  ["severity", (severity) => severity && ["made", SEVERITIES[severity.toUpperCase()].toLowerCase()]],
  ["updates", ({ added, edited, removed }) => (added?.length ? ["wrote about"] : edited?.length ? ["edited a message of"] : removed?.length && ["deleted a message of"])],
  ["lead", (lead) => (lead ? ["handed", `to ${lead.name ?? "somebody"}`] : ["left", "without a lead"])],
  ["assignees", () => ["changed who works on"]],
  ["title", () => ["renamed"]],
  ["systemIds", () => ["changed the systems of"]],
  ["labels", () => ["changed the labels of"]],
  ["links", ({ added }) => [added?.length ? "added a link to" : "changed the links of"]],
  ["relations", () => ["changed the relations of"]],
  ["snoozedUntil", (until) => [until ? "snoozed" : "ended the snooze of"]],
  ["description", () => ["described"]],
];
const ACTIONS = { CREATED: ["reported"], RESOLVED: ["resolved"], DELETED: ["deleted"] };

/** Returns "1 system" or "3 systems". */
export const several = (count, one, many = `${one}s`) => `${count.toLocaleString("en")} ${count === 1 ? one : many}`;

/** Returns names as "Payments, Login and 3 more". */
export function listed(names) {
  const shown = names.slice(0, MOST_NAMES);
  const more = names.length - shown.length;
  const last = more ? `${more} more` : shown.pop();
  return shown.length ? `${shown.join(", ")} and ${last}` : (last ?? "");
}

/**
 * Returns how things are: "2 open: 1 critical on Payments, 1 minor." `counts` by severity, `worst` the incidents of the worst
 * one as far as they are known, `sick` the number of systems that are not healthy.
 */
export function sentence(counts, { worst = [], sick = 0 } = {}) {
  const found = Object.keys(SEVERITIES).filter((severity) => counts[severity]);
  const total = found.reduce((sum, severity) => sum + counts[severity], 0);
  if (!total) return sick ? `Nothing is open, but ${several(sick, "system is", "systems are")} not healthy.` : "Nothing is open.";
  const parts = found.map((severity, nth) => {
    const names = nth === 0 && worst.length === counts[severity] ? [...new Set(worst.flatMap(({ systems }) => systems.map(({ name }) => name)))] : [];
    return `${counts[severity].toLocaleString("en")} ${severity.toLowerCase()}${names.length ? ` on ${listed(names)}` : ""}`;
  });
  return found.length === 1 && total === counts[found[0]] && total > 1 && !worst.length ? `${parts[0]} open.` : `${total.toLocaleString("en")} open: ${parts.join(", ")}.`;
}

/** Returns who made a change, and what they did, as far as the reader may know it, as the words before and behind the incident. */
export function told({ action, actor, changedFields, delta, cause }) {
  const who = actor.name ?? (cause.depth > 0 ? ACTORS.AUTOMATION : ACTORS[actor.type]) ?? "Somebody";
  const found = TELLING.map(([field, tell]) => changedFields.includes(field) && delta[field] !== undefined && tell(delta[field])).find(Boolean);
  const [before, behind] = ACTIONS[action] ?? found ?? ["changed"];
  return { who, before, behind };
}

/** Returns the last message of an incident in one line, without the marks of Markdown. */
export function oneLine(markdown) {
  return markdown
    .slice(0, 400)
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replace(/^\s*(?:#{1,6}|>|[-*+]|\d+\.)\s+/gm, "")
    .replace(/(\*\*|__|~~|`+)/g, "")
    .replace(/\s+/g, " ")
    .trim();
}
