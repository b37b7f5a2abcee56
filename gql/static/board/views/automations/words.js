// A definition in words: what starts it, under which conditions, what it does. Texts of people are never part of ours.

import { h } from "../../lib/view.js";

const TRIGGERS = {
  "incident.created": "When an incident is opened", "incident.updated": "When an incident changes", "incident.resolved": "When an incident is resolved",
  "incident.acknowledged": "When an incident is acknowledged", "incident.assigned": "When an incident is assigned",
  "system.degraded": "When a system is no longer healthy", "system.healthy": "When a system is healthy again", "system.health_changed": "When the health of a system changes",
  "maintenance.scheduled": "When maintenance is scheduled", "maintenance.started": "When maintenance begins", "maintenance.ended": "When maintenance ends",
  "maintenance.updated": "When somebody adds a message to maintenance", "maintenance.cancelled": "When maintenance is cancelled",
  "time.cron": "By the clock", "time.interval": "Again and again", manual: "When somebody runs it by hand",
};
const EVENTS = {
  "incident.created": "An incident was opened", "incident.updated": "An incident changed", "incident.resolved": "An incident was resolved",
  "incident.acknowledged": "An incident was acknowledged", "incident.assigned": "An incident was assigned",
  "system.degraded": "A system was no longer healthy", "system.healthy": "A system was healthy again", "system.health_changed": "The health of a system changed",
  "maintenance.scheduled": "Maintenance was scheduled", "maintenance.started": "Maintenance began", "maintenance.ended": "Maintenance ended",
  "maintenance.updated": "Maintenance had a new message", "maintenance.cancelled": "Maintenance was cancelled",
  "time.cron": "It was time", "time.interval": "It was time", manual: "Somebody ran it by hand",
};
const ACTIONS = {
  "incident.create": "Open an incident", "incident.resolve": "Resolve the incident", "incident.add_update": "Add an update", "incident.update_status": "Change the status",
  "incident.acknowledge": "Acknowledge the incident", "incident.assign": "Assign the incident", "incident.update": "Change the incident",
  "http.request": "Send an HTTP request", "webhook.send": "Send a webhook", notify: "Notify people", log: "Write to the server's log",
};
const DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const SIZES = { seconds: 1, minutes: 60, hours: 3_600, days: 86_400 };
const KINDS = ["action", "choose", "if", "parallel", "delay", "repeat", "variables", "condition", "stop", "wait_for_trigger", "wait_until", "sequence"];

/** The words for a trigger's event. */
export const triggerWords = (event) => TRIGGERS[event] ?? `When ${event} happens`;

/** The words for an event that happened. */
export const eventWords = (event) => EVENTS[event] ?? event;

/** Returns what a run is about, by the payload of its event: a system's name, or an incident's reference and title. */
export function aboutOf({ payload }) {
  const { systemName, reference, title } = payload ?? {};
  const parts = [reference, title ?? systemName].filter((part) => typeof part === "string");
  return parts.length ? parts.join(" ") : undefined;
}

/** The words for an action. */
export const actionWords = (action) => ACTIONS[action] ?? action;

/** Returns a length of time as it was written, in words: "30m", 1800, { minutes: 30 }. */
export function lengthWords(value) {
  if (value !== null && typeof value === "object") return lengthWords(Object.entries(value).reduce((sum, [unit, count]) => sum + count * SIZES[unit], 0));
  if (/^(?:\d+(?:\.\d+)?[dhms])+$/.test(value)) return value.replace(/([dhms])(?=(.?))/g, (_, unit, next) => ` ${{ m: "min" }[unit] ?? unit}${next && " "}`);
  const seconds = Number(value);
  if (!Number.isFinite(seconds) || value === "") return String(value);
  const [unit, size] = seconds && seconds % 86_400 === 0 ? ["d", 86_400] : seconds && seconds % 3600 === 0 ? ["h", 3600] : seconds && seconds % 60 === 0 ? ["min", 60] : ["s", 1];
  return `${seconds / size} ${unit}`;
}

/** What is longer is read in the definition. */
const LONGEST = 300;
const cut = (text) => (text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text);
const code = (text) => h("code", { class: "said-code" }, cut(typeof text === "string" ? text : (JSON.stringify(text) ?? "")));

/** The definition as three lists. What it does not have is left out. */
export function Words({ definition }) {
  const { triggers, conditions, actions } = definition;
  return h("div", { class: "said" },
    h("section", {}, h("h3", {}, "When"), h("ul", { class: "said-list" }, list(triggers).map((trigger, nth) => h("li", { key: nth }, triggerText(trigger))))),
    list(conditions).length > 0 && h("section", {}, h("h3", {}, "Only if"), h("ul", { class: "said-list" }, conditions.map((condition, nth) => h("li", { key: nth }, capital(conditionText(condition)))))),
    h("section", {}, h("h3", {}, "Then"), h("ol", { class: "said-list" }, steps(actions))),
    h("p", { class: "muted small" }, modeText(definition)));
}

/** Our own words begin large where a sentence does; those of people stay as they are. */
function capital(parts) {
  if (typeof parts === "string") return parts.charAt(0).toUpperCase() + parts.slice(1);
  return Array.isArray(parts) && typeof parts[0] === "string" ? [capital(parts[0]), ...parts.slice(1)] : parts;
}

const list = (value) => (Array.isArray(value) ? value : []);

function triggerText(trigger) {
  const { event, filter, config, window } = trigger ?? {};
  return [
    triggerWords(event),
    event === "time.cron" && config && [": ", code(config.cron), config.timezone && ` in ${config.timezone}`],
    event === "time.interval" && config && [": every ", intervalText(config)],
    trigger?.for && ` and stays so for ${lengthWords(trigger.for)}`,
    window && ` ${window.count} times within ${lengthWords(minutes(window.minutes))}`,
    filter && [" where ", code(filter)],
  ];
}

const minutes = (value) => (typeof value === "number" ? value * 60 : value);

function intervalText(config) {
  const [[name, value] = ["", ""]] = Object.entries(config);
  return lengthWords(/minutes/i.test(name) ? minutes(value) : value);
}

/** A condition, with those within it as lists. */
function conditionText(condition) {
  if (typeof condition === "string" || condition === null || typeof condition !== "object") return code(condition);
  if (condition.and) return nested("all of these hold", condition.and);
  if (condition.or) return nested("at least one of these holds", condition.or);
  if (condition.not) return ["not: ", conditionText(condition.not)];
  if (condition.numeric_state) {
    const { value, above, below } = condition.numeric_state;
    return [code(value), [above !== undefined && above !== null && ` is above ${above}`, below !== undefined && below !== null && ` is below ${below}`].filter(Boolean).join(" and")];
  }
  if (condition.time) {
    const { after, before, weekday, timezone = "UTC" } = condition.time;
    return `it is ${[after && `after ${after}`, before && `before ${before}`, weekday && `on ${list(weekday).map((day) => DAYS[day] ?? day).join(", ")}`].filter(Boolean).join(", ")} (${timezone})`;
  }
  if (condition.state) return [h("bdi", {}, String(condition.state.entity)), ` is ${condition.state.status}`, condition.state.for && ` for ${lengthWords(condition.state.for)} already`];
  return code(condition);
}

function nested(words, conditions) {
  return [words, ":", h("ul", { class: "said-list" }, list(conditions).map((each, nth) => h("li", { key: nth }, conditionText(each))))];
}

const steps = (actions) => list(actions).map((step, nth) => h("li", { key: nth }, stepText(step ?? {})));
const branch = (words, actions) => [h("div", { class: "said-branch" }, words, h("ol", { class: "said-list" }, steps(actions)))];

function stepText(step) {
  const kind = KINDS.find((name) => name in step);
  return [
    step.description && [h("bdi", { class: "strong" }, cut(String(step.description))), ". "],
    step.enabled === false && h("span", { class: "muted" }, "Switched off: "),
    kind ? STEPS[kind](step) : code(step),
    step.continue_on_error && h("span", { class: "muted" }, ". A failure is passed over"),
    step.retry && h("span", { class: "muted" }, `. Tried ${step.retry.attempts ?? 3} times`),
  ];
}

const all = (condition) => (Array.isArray(condition) ? (condition.length > 1 ? conditionText({ and: condition }) : conditionText(condition[0])) : conditionText(condition));

const STEPS = {
  action: ({ action, config }) => [actionWords(action), configText(config)],
  variables: ({ variables }) => ["Keep ", Object.keys(variables ?? {}).map((name, nth) => [nth > 0 && ", ", code(name)])],
  condition: ({ condition }) => ["Go on only if ", all(condition)],
  delay: ({ delay }) => `Wait ${lengthWords(delay)}`,
  wait_until: ({ wait_until: wait }) => ["Wait until ", all(wait?.condition), limitText(wait)],
  wait_for_trigger: ({ wait_for_trigger: wait }) => [triggerWords(wait?.event).replace(/^When/, "Wait until"), wait?.filter && [" where ", code(wait.filter)], limitText(wait)],
  stop: ({ stop }) => [stop?.error ? "End the run as failed" : "End the run", stop?.reason && [": ", h("bdi", {}, stop.reason)]],
  sequence: ({ sequence }) => ["Together", h("ol", { class: "said-list" }, steps(sequence))],
  parallel: ({ parallel }) => ["At the same time", h("ul", { class: "said-list" }, steps(parallel))],
  if: (step) => [branch(["If ", all(step.if)], step.then), list(step.else).length > 0 && branch("Otherwise", step.else)],
  choose: (step) => [list(step.choose).map((each, nth) => branch([nth ? "Or if " : "If ", all(each?.when)], each?.sequence)), list(step.else).length > 0 && branch("Otherwise", step.else)],
  repeat: ({ repeat }) => branch(repeatText(repeat ?? {}), repeat?.sequence),
};

function repeatText({ count, for_each: each, while: whilst, until }) {
  if (count !== undefined) return `${count} times`;
  if (each !== undefined) return ["For each of ", code(each)];
  return whilst !== undefined ? ["As long as ", code(whilst)] : ["Until ", code(until)];
}

function limitText(wait) {
  if (!wait?.timeout_seconds) return "";
  return `, for ${lengthWords(wait.timeout_seconds)} at most${wait.continue_on_timeout ? ", and then go on" : ""}`;
}

/** The settings that say most, in a line. */
function configText(config) {
  const parts = ["title", "message", "severity", "status", "channel", "method", "url", "body"].filter((name) => config?.[name] !== undefined && config[name] !== null);
  return parts.length > 0 && [": ", parts.map((name, nth) => [nth > 0 && ", ", h("span", { class: "muted" }, `${name} `), code(config[name])])];
}

function modeText({ mode = "single", max_runs: most = 10, concurrency_scope: scope, rate_limit: rate, once_for: once }) {
  const about = scope === "context_key" ? " about the same thing" : "";
  const text = {
    single: `While a run${about} is active, other firings are skipped.`,
    restart: `A new firing cancels the active run${about} and begins again.`,
    queued: `Runs${about} take place one after the other; ${most} wait at most.`,
    parallel: `Runs${about} take place at the same time, ${most} at most.`,
  }[mode] ?? "";
  return [text, rate && ` At most ${rate.count} runs in ${lengthWords(minutes(rate.minutes))}.`, once && [" Once for each value of ", code(once), "."]];
}
