// A dry run: what a definition would have done in a time that is past, played over what really happened.

import { documents } from "../../documents.js";
import { date } from "../../lib/time.js";
import { Component, h } from "../../lib/view.js";
import { Field } from "../../parts/field.js";
import { session } from "../../state/session.js";
import { RunMark, REASONS } from "./states.js";
import { Trace } from "./trace.js";
import { aboutOf, actionWords, eventWords } from "./words.js";

const HOUR_MILLIS = 3_600_000;
const SPANS = { 24: "The last 24 hours", 168: "The last 7 days", 720: "The last 30 days", own: "From … to …" };
const LIMITS = { runs: "it would have run too often", firings: "it would have fired too often", changes: "there were too many changes", seconds: "it took too long", state: "there were too many incidents and systems" };
const SHOWN = 50;

/** The form and what came of it. `definition` is what is played; `id` the automation whose own effects are left out. */
export class DryRun extends Component {
  span = "168";
  now = Date.now();

  async submit(event) {
    event.preventDefault();
    const values = new FormData(event.target);
    const { definition, id } = this.props;
    this.now = Date.now();
    const [from, to] = this.span === "own" ? [values.get("dry-begin"), values.get("dry-end")].map((text) => text && new Date(text).toISOString()) : [new Date(this.now - Number(this.span) * HOUR_MILLIS).toISOString(), new Date(this.now).toISOString()];
    if (!from || !to) return;
    Object.assign(this, { isBusy: true, wrong: undefined });
    this.update();
    try {
      const { dryRunAutomation } = await session.client.query(documents.DryRunAutomation, { definition, automationId: id, from, to });
      this.result = dryRunAutomation;
      this.definition = definition;
    } catch (error) {
      this.wrong = error.message;
    }
    this.isBusy = false;
    this.update();
  }

  choose(span) {
    this.span = span;
    this.update();
  }

  render({ isDraft }) {
    const { result } = this;
    return h("section", { class: "dry-run", "aria-labelledby": "dry-title" },
      h("h2", { id: "dry-title" }, "What would have happened"),
      h("p", { class: "muted prose" }, `${isDraft ? "What you write here" : "The definition"} is played over what really happened. Nothing is written, and nothing is sent.`),
      h("form", { class: "dry-form", onsubmit: (event) => this.submit(event) },
        h(Field, { name: "dry-span", label: "When", control: h("select", { value: this.span, onchange: (event) => this.choose(event.target.value) }, Object.entries(SPANS).map(([name, words]) => h("option", { key: name, value: name, selected: name === this.span }, words))) }),
        this.span === "own" && h(Field, { name: "dry-begin", label: "From", control: h("input", { type: "datetime-local", required: true, max: local(this.now) }) }),
        this.span === "own" && h(Field, { name: "dry-end", label: "To", control: h("input", { type: "datetime-local", required: true, value: local(this.now), max: local(this.now) }) }),
        h("button", { class: "button first", disabled: this.isBusy }, this.isBusy ? "Playing…" : "Play it")),
      h("div", { role: "status" }, this.wrong && h("p", { class: "notice critical" }, this.wrong), result && h("p", { class: "dry-sentence" }, sentence(result))),
      result && h(Result, { result, definition: this.definition }));
  }
}

/** A moment as a field for dates and times wants it, in the reader's zone. */
const local = (millis) => new Date(millis - new Date(millis).getTimezoneOffset() * 60_000).toISOString().slice(0, 16);

function sentence({ from, to, changes, incidents, runs, truncated, truncatedBy }) {
  const opened = incidents.filter((incident) => incident.opened).length;
  const resolved = incidents.filter((incident) => incident.resolved).length;
  const touched = incidents.length - incidents.filter((incident) => incident.opened || incident.resolved).length;
  const did = [opened && `opened ${many(opened, "incident")}`, resolved && `resolved ${resolved === opened ? `${resolved === 1 ? "it" : "as many"}` : many(resolved, "incident")}`, touched && `changed ${many(touched, "incident")}`].filter(Boolean);
  const end = truncated ? ` This is not all of it: ${LIMITS[truncatedBy] ?? "it met a limit"}.` : "";
  return `From ${date(from)} to ${date(to)} it would have run ${many(runs.length, "time")}${did.length ? ` and ${did.join(", ")}` : runs.length ? ", and changed no incident" : ""}. ${many(changes, "change")} ${changes === 1 ? "was" : "were"} played.${end}`;
}

const many = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;

function Result({ result, definition }) {
  const { incidents, runs, skips, omissions } = result;
  return h("div", { class: "dry-result" },
    incidents.length > 0 && h("section", {}, h("h3", {}, "Incidents"), h("ol", { class: "rows" }, incidents.slice(0, SHOWN).map((incident) => h(Incident, { key: incident.incidentId, incident }))), rest(incidents.length)),
    runs.length > 0 && h("section", {}, h("h3", {}, "Runs"), h("ol", { class: "rows" }, runs.slice(0, SHOWN).map((run) => h(Predicted, { key: run.id, run, definition, to: result.to }))), rest(runs.length)),
    skips.length > 0 && h("section", {}, h("h3", {}, "Firings that lead to no run"), h("ul", { class: "plain-list" }, skips.map(({ reason, count }) => h("li", { key: reason }, `${count} × ${REASONS[reason] ?? reason}`)))),
    omissions.length > 0 && h("section", {}, h("h3", {}, "Left out, and taken for done"), h("ul", { class: "plain-list" }, omissions.map(({ what, count }) => h("li", { key: what }, `${count} × ${actionWords(what)}`)))));
}

const rest = (count) => count > SHOWN && h("p", { class: "muted" }, `And ${count - SHOWN} more.`);

function Incident({ incident }) {
  const { title, opened, resolved, changes } = incident;
  return h("li", {}, h("details", { class: "dry-item" },
    h("summary", {}, h("span", { class: "strong" }, [opened && "opened", resolved && "resolved"].filter(Boolean).join(", ") || "changed"), h("bdi", { class: "one-line" }, title), h("span", { class: "muted small" }, date(changes[0]?.occurredAt ?? 0))),
    h("ol", { class: "plain-list small" }, changes.map((change, nth) => h("li", { key: nth },
      `${date(change.occurredAt)}: `, change.fields.filter(({ name }) => name !== "updates").map(({ name, before, after }, at) => [at > 0 && ", ", `${name} `, before !== null && [h("code", {}, text(before)), " → "], h("code", {}, text(after))]),
      change.messages.map((message, at) => h("blockquote", { key: at, class: "dry-message" }, h("bdi", {}, message))))))));
}

const text = (value) => (typeof value === "string" ? value : JSON.stringify(value));

function Predicted({ run, definition, to }) {
  const about = aboutOf(run);
  return h("li", {}, h("details", { class: "dry-item" },
    h("summary", {}, h(RunMark, { status: run.status }), h("span", { class: "one-line" }, eventWords(run.event), about && [": ", h("bdi", {}, about)]), h("span", { class: "muted small" }, date(run.occurredAt))),
    run.message && h("p", { class: "muted small" }, run.message),
    h(Trace, { steps: run.steps, from: run.startedAt ?? run.occurredAt, to: run.finishedAt ?? to, definition })));
}
