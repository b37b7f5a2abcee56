// What the kinds of timeline rows look like: updates in full, all else in one quiet line.

import { to } from "../../lib/router.js";
import { date, exact } from "../../lib/time.js";
import { h } from "../../lib/view.js";
import { Ago } from "../../parts/time.js";
import { Update } from "./update.js";
import { eventWords, listed, nameOf, READERS, relationWord, transitionWords } from "./words.js";

const STEP_WORDS = { SUCCESS: "done", FAILED: "failed", RUNNING: "running", WAITING: "waiting", SKIPPED: "skipped", CANCELLED: "cancelled" };
const MARKS = {
  UPDATE: "M4 5h16v11H9l-5 4z",
  TRANSITION: "M5 12h13M13 7l5 5-5 5",
  ACKNOWLEDGEMENT: "M5 13l4 4 10-11",
  ASSIGNMENT: "M12 4a4 4 0 1 0 .01 0M4 21c0-5 4-7 8-7s8 2 8 7",
  LINK: "M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1",
  RELATION: "M7 4a3 3 0 1 0 .01 0M17 14a3 3 0 1 0 .01 0M9 9l6 6",
  STEP: "M13 3 5 14h6l-1 7 8-11h-6z",
  SNOOZE: "M7 5h10L7 19h10",
};

/** One row of the timeline. */
export function Row({ row, feed, names, mayWrite }) {
  return h("li", { class: row.kind === "UPDATE" ? "entry update" : "entry" },
    h("svg", { class: "entry-mark", viewBox: "0 0 24 24", fill: "none", stroke: "currentColor", "stroke-width": 1.8, "stroke-linecap": "round", "stroke-linejoin": "round", "aria-hidden": "true" },
      h("path", { d: MARKS[row.kind] })),
    row.kind === "UPDATE" ? h(Update, { update: row.item.update, feed, mayWrite })
      : row.kind === "STEP" ? h(Steps, { row })
        : h("p", { class: "quiet-line" }, sentence(row, feed), ", ", h(Ago, { at: row.at })));
}

/** Returns the words of a row that is one line, with their names and links. */
export function sentence({ kind, item, items }, feed) {
  if (kind === "TRANSITION") {
    const transitions = items.map(({ transition }) => transition);
    const maker = feed.names.get(transitions[0].changeId);
    return `${transitionWords(transitions, feed.systemName).join(", ")}${maker ? ` by ${nameOf(maker)}` : ""}`;
  }
  if (kind === "LINK") {
    const { link } = item;
    return h("span", {}, "Link added: ", h("a", { href: link.url, rel: "noopener noreferrer", target: "_blank", dir: "auto" }, link.label || link.url), ` (${READERS[link.visibility][1].toLowerCase()})`);
  }
  if (kind === "RELATION") {
    const { relation } = item;
    const other = relation.incident;
    return h("span", {}, `${relationWord(relation)} `, other ? h("a", { href: to(`incidents/${other.reference}`) }, other.reference, " ", h("bdi", {}, other.title)) : "an incident that was deleted", ` (said by ${nameOf(relation.createdBy)})`);
  }
  return wordsOfChange(kind, item.change);
}

function wordsOfChange(kind, { actor, delta }) {
  const by = ` by ${nameOf(actor)}`;
  if (kind === "ACKNOWLEDGEMENT") return delta.acknowledgedAt ? `Acknowledged by ${nameOf(delta.acknowledgedBy ?? actor)}` : "No longer acknowledged";
  if (kind === "SNOOZE") return delta.snoozedUntil ? h("span", { title: exact(delta.snoozedUntil) }, `Reminders silenced until ${date(delta.snoozedUntil)}${by}`) : `Reminders turned on again${by}`;
  const parts = [];
  if ("lead" in delta) parts.push(delta.lead ? `${nameOf(delta.lead)} leads` : "Nobody leads any more");
  if ("assignees" in delta) parts.push(delta.assignees.length ? `${listed(delta.assignees.map(nameOf))} assigned` : "Nobody is assigned any more");
  return `${parts.join(", ") || "People changed"}, set${by}`;
}

function Steps({ row }) {
  const { run } = row.items[0];
  const failed = row.items.filter(({ step }) => step.status === "FAILED").length;
  const name = run?.automation?.name ?? "An automation that was deleted";
  return h("details", { class: "steps" },
    h("summary", {}, h("bdi", {}, name), ` did ${row.items.length === 1 ? "one thing" : `${row.items.length} things`}${failed ? `, ${failed} failed` : ""}, `, h(Ago, { at: row.at })),
    h("ul", {}, row.items.map(({ step, at }) =>
      h("li", { key: step.id }, h("code", {}, step.action ?? step.kind), ` ${STEP_WORDS[step.status]}, `, h(Ago, { at }),
        step.error && h("p", { class: "step-reason", dir: "auto" }, step.error)))),
    run && h("p", { class: "small" }, `Because of: ${eventWords(run.event).toLowerCase()}. `, h("a", { href: to(`automations/runs/${run.id}`) }, "See the run")));
}
