// The steps of a run, one below the other, each with its time as a bar, its reason, and what went in and came out.

import { clock, exact } from "../../lib/time.js";
import { h } from "../../lib/view.js";
import { took } from "./runs.js";
import { RunMark } from "./states.js";
import { actionWords, lengthWords, triggerWords } from "./words.js";

const KINDS = { action: "Action", choose: "Choose", if: "If", parallel: "At the same time", delay: "Wait", repeat: "Repeat", variables: "Keep values", condition: "Condition", stop: "Stop", wait_for_trigger: "Wait for an event", wait_until: "Wait until", sequence: "Together" };
const NARROWEST = 0.4;

/** The steps; `from` and `to` are the ends of the run, `now` for one that goes on. `definition` names its steps. */
export function Trace({ steps, from, to, definition }) {
  const begin = new Date(from).getTime();
  const length = Math.max(1, new Date(to) - begin);
  const place = (at) => (100 * Math.min(1, Math.max(0, (new Date(at) - begin) / length))).toFixed(2);
  return h("ol", { class: "trace", "aria-label": "Steps" }, arranged(steps).map((step) => {
    const left = Number(place(step.startedAt));
    const width = Math.max(NARROWEST, place(step.finishedAt ?? to) - left);
    return h(Step, { key: `${step.position ?? step.path} ${step.path}`, step, left: Math.min(left, 100 - NARROWEST), width, length: new Date(step.finishedAt ?? to) - new Date(step.startedAt), description: partOf(definition, step.path)?.description });
  }));
}

function Step({ step, left, width, length, description }) {
  const { path, status, kind, action, error, startedAt, finishedAt, attempts } = step;
  const reason = reasonOf(step);
  const isWaiting = status === "WAITING" || status === "RUNNING";
  return h("li", { class: `step ${status.toLowerCase()}` }, h("details", {},
    h("summary", { class: "step-head" },
      h("span", { class: `step-title depth-${Math.min(6, depthOf(path))}` },
        h(RunMark, { status, short: true }),
        h("span", {},
          h("span", { class: "strong" }, action ? actionWords(action) : (KINDS[kind] ?? kind)),
          description && [": ", h("bdi", {}, description)],
          reason && [" ", h("bdi", { class: "muted" }, reason)],
          attempts > 1 && h("span", { class: "muted" }, `, tried ${attempts} times`),
          error && h("bdi", { class: "step-error" }, error))),
      h("span", { class: "step-bar", title: `${exact(startedAt)}${finishedAt ? ` to ${clock(finishedAt)}` : ""}` },
        h("svg", { viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" }, h("rect", { class: "step-time", x: left, y: 0, width, height: 8 }))),
      h("span", { class: "step-took digits small muted" }, isWaiting ? `since ${clock(startedAt)}` : took(length / 1000))),
    h(Values, { step })));
}

function Values({ step }) {
  const parts = [["Input", step.input], ["Output", step.output]].filter(([, value]) => value !== null && value !== undefined && JSON.stringify(value) !== "{}");
  return h("div", { class: "step-values" },
    h("code", { class: "small muted" }, step.path),
    parts.length === 0 && h("p", { class: "small muted" }, "Nothing went in, and nothing came out."),
    parts.map(([name, value]) => h("div", { key: name }, h("span", { class: "small muted" }, name), h("pre", { tabindex: "0", role: "group", "aria-label": `${name} of ${step.path}` }, JSON.stringify(value, null, 2)))));
}

/** What holds others is told of at its end; it is shown before them, from when the first of them began. */
function arranged(steps) {
  const found = [];
  for (const step of steps) {
    const first = step.kind === "parallel" ? found.findIndex(({ path }) => path.startsWith(`${step.path}.`)) : -1;
    if (first < 0) found.push(step);
    else found.splice(first, 0, { ...step, startedAt: found[first].startedAt });
  }
  return found;
}

/** Returns why a step did what it did, in words. */
function reasonOf({ kind, status, output, input, dueAt, finishedAt }) {
  if (status === "SKIPPED") return output?.reason === "disabled" ? "is switched off" : (output?.reason ?? "left out").replaceAll("_", " ");
  if (output?.skipped) return `did nothing: ${String(output.skipped).replaceAll("_", " ")}`;
  if (output?.ended) return `ended: ${String(output.ended).replaceAll("_", " ")}`;
  if (kind === "condition" || kind === "if") return output?.condition ? verdict(output.condition) : "";
  if (kind === "choose") return output ? chosen(output) : "";
  if (kind === "delay") return input?.seconds === undefined ? "" : lengthWords(input.seconds);
  if (kind === "wait_until" || kind === "wait_for_trigger") {
    if (output?.timedOut) return "its time ran out";
    if (finishedAt) return "it came about";
    return `${input?.event ? `${triggerWords(input.event).replace(/^When /, "until ")}, ` : ""}${dueAt ? `until ${clock(dueAt)} at the latest` : "without a limit"}`;
  }
  return output?.reference && typeof output.reference === "string" ? output.reference : "";
}

function chosen({ matchedBranch, conditions = [] }) {
  const held = matchedBranch === null || matchedBranch === undefined ? "no branch holds" : matchedBranch === "else" ? "otherwise" : `branch ${Number(matchedBranch) + 1} holds`;
  return [held, conditions.length > 0 && `: ${conditions.map(verdict).join("; ")}`].filter(Boolean).join("");
}

/** A condition with what came of it: "vars.a == 3 does not hold". */
function verdict(condition) {
  const { kind, value, expression, conditions, error } = condition;
  const end = error ? ` could not be told: ${error}` : value ? " holds" : " does not hold";
  if (expression) return expression + end;
  if (conditions) return `${{ and: "all of", or: "one of", not: "the opposite of" }[kind] ?? kind} (${conditions.map(verdict).join("; ")})${end}`;
  return `${(kind ?? "it").replaceAll("_", " ")}${end}`;
}

/** How deep a step is in others: so many parts of its path. */
const depthOf = (path) => (path.match(/\]\./g) ?? []).length - (path.match(/repeat\[\d+\]\.|choose\[\d+\]\./g) ?? []).length;

/** Returns what stands at a path of a definition, rounds of loops aside. */
function partOf(definition, path) {
  let found = definition;
  for (const part of path.replace(/\.repeat\[\d+\]/g, ".repeat").split(/[.[\]]+/).filter(Boolean)) found = found?.[part];
  return found;
}
