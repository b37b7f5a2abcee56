// When it began, was identified, fixed, watched and resolved, and how long that took. Two of them can be put right here.

import { documents } from "../../documents.js";
import { date, exact, lasted, span } from "../../lib/time.js";
import { Component, h } from "../../lib/view.js";
import { Field } from "../../parts/field.js";
import { Lasted } from "../../parts/time.js";
import { write } from "../../state/writes.js";
import { change } from "./acting.js";
import { fromField, toField, ZONE_WORDS } from "./moments.js";
import { FormActions, onEscape, Section } from "./section.js";

/** Props: `incident` as shown, `feed`, `mayWrite`, and `resolution`, the update that it was resolved with. */
export class Facts extends Component {
  edit() {
    const { incident } = this.props;
    this.isOpen = true;
    this.base = { occurredAt: incident.occurredAt, resolvedAt: incident.resolvedAt };
    this.values = { occurredAt: toField(incident.occurredAt), resolvedAt: incident.resolvedAt && toField(incident.resolvedAt) };
    this.update();
  }

  close() {
    this.isOpen = false;
    this.update();
  }

  set(name, value) {
    this.values[name] = value;
    this.update();
  }

  async submit(event) {
    event.preventDefault();
    const { feed, incident, resolution } = this.props;
    const { id } = incident;
    for (const name of ["occurredAt", "resolvedAt"]) {
      const mine = fromField(this.values[name]);
      if (!mine || this.values[name] === toField(this.base[name])) continue;
      const result = await change(feed, {
        what: name === "occurredAt" ? "beginning" : "end", base: this.base[name], mine, words: exact,
        now: () => feed.incident[name],
        send: (expectedVersion) => name === "occurredAt"
          ? write(documents.SetIncident, { id, occurredAt: mine, expectedVersion }, { id, patch: { occurredAt: mine } })
          : write(documents.EditUpdate, { incidentId: id, id: resolution.id, createdAt: mine, expectedVersion }, { id, patch: { resolvedAt: mine } }),
      });
      if (result === "open") return;
    }
    this.close();
  }

  render({ incident, mayWrite }) {
    return h(Section, { title: "Facts", onedit: mayWrite ? () => this.edit() : undefined, editWord: "Correct", isOpen: this.isOpen },
      this.isOpen ? this.renderForm() : h(Moments, { incident }));
  }

  renderForm() {
    const { incident, resolution } = this.props;
    const { occurredAt, resolvedAt } = this.values;
    return h("form", { class: "form", onsubmit: (event) => this.submit(event), onkeydown: onEscape(() => this.close()) },
      h(Field, { name: "occurred-at", label: "Began", help: ZONE_WORDS, control: h("input", { type: "datetime-local", step: 1, required: true, value: occurredAt, oninput: (event) => this.set("occurredAt", event.target.value) }) }),
      incident.resolvedAt && resolution && h(Field, { name: "resolved-at", label: "Resolved", control: h("input", { type: "datetime-local", step: 1, required: true, value: resolvedAt, oninput: (event) => this.set("resolvedAt", event.target.value) }) }),
      h("p", { class: "consequence", role: "status" }, consequence(incident, occurredAt, resolvedAt)),
      h(FormActions, { oncancel: () => this.close() }));
  }
}

/** Returns what new dates come to, in words. */
export function consequence(incident, occurredAt, resolvedAt) {
  const from = fromField(occurredAt);
  const until = incident.resolvedAt ? fromField(resolvedAt) : undefined;
  if (!from || (incident.resolvedAt && !until)) return "";
  if (new Date(from) > new Date(until ?? Date.now())) return until ? "It would end before it began." : "It cannot begin in the future.";
  return until ? `Duration becomes ${lasted(from, until)}.` : `It has lasted ${lasted(from)} then.`;
}

function Moments({ incident }) {
  const { occurredAt, acknowledgedAt, identifiedAt, fixingAt, monitoringAt, resolvedAt } = incident;
  const moments = [["Began", occurredAt], ["Acknowledged", acknowledgedAt], ["Identified", identifiedAt], ["Fixing", fixingAt], ["Monitoring", monitoringAt], ["Resolved", resolvedAt]]
    .filter(([, at]) => at)
    .sort(([, a], [, b]) => new Date(a) - new Date(b));
  return h("dl", { class: "moments" },
    moments.map(([word, at]) => h("div", { key: word },
      h("dt", {}, word),
      h("dd", {}, h("time", { datetime: at, title: exact(at) }, date(at)), word !== "Began" && h("span", { class: "muted" }, ` after ${span((new Date(at) - new Date(occurredAt)) / 1000)}`)))),
    h("div", {}, h("dt", {}, resolvedAt ? "Duration" : "Open for"), h("dd", {}, h(Lasted, { from: occurredAt, to: resolvedAt }))));
}
