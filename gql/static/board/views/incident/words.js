// What happened, in sentences. Names are those of the reader's language; times are shown beside them.

import { SEVERITIES, STATUSES } from "../../parts/marks.js";

const RANKS = ["MINOR", "MAJOR", "CRITICAL"];
const KINDS_OF_ACTORS = { USER: "a person", SERVICE: "a program", APPLICATION: "a program", SYSTEM: "the server" };
const RELATIONS = {
  DUPLICATE_OF: ["Duplicate of", "Has the duplicate"],
  CAUSED_BY: ["Caused by", "Caused"],
  RELATED_TO: ["Related to", "Related to"],
};

/** What the kinds of timeline items are called in the filter. */
export const KINDS = {
  UPDATE: "Updates",
  TRANSITION: "Changes",
  ACKNOWLEDGEMENT: "Acknowledgements",
  ASSIGNMENT: "People",
  LINK: "Links",
  RELATION: "Relations",
  STEP: "Automations",
  SNOOZE: "Snoozes",
};

/** Who can read an update or a link, as a sentence and in short. */
export const READERS = {
  PUBLIC: ["Everybody on the internet will read this.", "Public"],
  LOGGED_IN: ["Only people who are signed in will read this.", "Signed-in people"],
  INTERNAL: ["Only responders and admins will read this.", "Responders only"],
};

/** The relations that a reader can add, as they are said of the incident on the page. */
export const RELATION_WORDS = Object.fromEntries(Object.entries(RELATIONS).map(([type, [word]]) => [type, word]));

/** Returns what a relation says of the incident on the page. */
export const relationWord = ({ type, isInverse }) => RELATIONS[type]?.[isInverse ? 1 : 0] ?? "Related to";

/** Returns the name of an actor or a person; those who may not see it get the kind. */
export const nameOf = (somebody) => somebody?.name ?? KINDS_OF_ACTORS[somebody?.type] ?? "somebody";

/** Returns a list as people say it: "Ada, Bo and Cy". */
export function listed(names) {
  return names.length < 2 ? (names[0] ?? "") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

const lower = (word) => word?.toLowerCase();

/** Returns what one change of an incident did, as sentences. `systemName(id)` gives the name of a system. */
export function transitionWords(transitions, systemName) {
  const opened = transitions.filter(isOpening);
  const words = transitions.filter((each) => !isOpening(each)).map((each) => wordsOfOne(each, systemName));
  if (opened.length) words.unshift(openingWords(opened, systemName));
  return words;
}

function isOpening({ fromStatus, fromSeverity, fromSystemIds }) {
  return !fromStatus && !fromSeverity && !fromSystemIds;
}

function openingWords(opened, systemName) {
  const severity = lower(SEVERITIES[opened.find(({ toSeverity }) => toSeverity)?.toSeverity]);
  const status = opened.find(({ toStatus }) => toStatus)?.toStatus;
  const systems = opened.find(({ toSystemIds }) => toSystemIds)?.toSystemIds ?? [];
  const parts = [severity && `as ${severity}`, systems.length && `on ${listed(systems.map(systemName))}`].filter(Boolean).join(" ");
  const rest = status && status !== "INVESTIGATING" ? `, ${lower(STATUSES[status])}` : "";
  return parts || rest ? `Opened ${parts}${rest}` : "Began";
}

function wordsOfOne({ field, fromStatus, toStatus, fromSeverity, toSeverity, fromSystemIds, toSystemIds }, systemName) {
  if (toSeverity) {
    const verb = RANKS.indexOf(toSeverity) > RANKS.indexOf(fromSeverity) ? "raised" : "lowered";
    return `Severity ${verb} from ${lower(SEVERITIES[fromSeverity])} to ${lower(SEVERITIES[toSeverity])}`;
  }
  if (toStatus === "RESOLVED") return "Resolved";
  if (fromStatus === "RESOLVED") return `Reopened as ${lower(STATUSES[toStatus])}`;
  if (toStatus) return `Status changed from ${lower(STATUSES[fromStatus])} to ${lower(STATUSES[toStatus])}`;
  if (toSystemIds) {
    const added = toSystemIds.filter((id) => !fromSystemIds.includes(id)).map(systemName);
    const removed = fromSystemIds.filter((id) => !toSystemIds.includes(id)).map(systemName);
    return [added.length && `${listed(added)} added to the systems`, removed.length && `${listed(removed)} taken off the systems`].filter(Boolean).join(", ");
  }
  return `${field} changed`;
}

/** Returns an event such as `system.degraded` in words. */
export function eventWords(event) {
  const [what, ...rest] = event.split(".");
  return rest.length ? `${what[0].toUpperCase()}${what.slice(1)} ${rest.join(" ").replaceAll("_", " ")}` : event;
}
