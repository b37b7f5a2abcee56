// Relations to other incidents, and merging this one into another.

import { documents } from "../../documents.js";
import { to } from "../../lib/router.js";
import { Component, h } from "../../lib/view.js";
import { Field, choices } from "../../parts/field.js";
import { Severity, STATUSES } from "../../parts/marks.js";
import { reasonOf } from "../../state/reasons.js";
import { session } from "../../state/session.js";
import { newKey, write } from "../../state/writes.js";
import { act } from "./acting.js";
import { confirm } from "./confirm.js";
import { numberOf } from "./feed.js";
import { FormActions, onEscape, Section } from "./section.js";
import { RELATION_WORDS, relationWord } from "./words.js";

const MERGE = "MERGE";

/** Props: `incident` as shown, `feed`, `mayWrite`, and `related`, the live list of the other incidents. */
export class Relations extends Component {
  open() {
    Object.assign(this, { isOpen: true, type: "RELATED_TO", reference: "", key: newKey(), wrong: undefined, found: undefined });
    this.update();
  }

  close() {
    this.isOpen = false;
    this.update();
  }

  /** Finds the incident of a reference while it is typed, so that a reader sees which one it is. */
  async look(reference) {
    Object.assign(this, { reference, wrong: undefined, found: undefined });
    this.update();
    const number = numberOf(reference.trim());
    if (number === undefined) return;
    try {
      const { incidents } = await session.client.query(documents.IncidentsByText, { filter: { number: { eq: number }, includeResolved: true } });
      if (this.reference === reference) this.found = incidents.nodes[0];
    } catch (error) {
      this.wrong = reasonOf(error);
    }
    this.update();
  }

  async submit(event) {
    event.preventDefault();
    const { incident } = this.props;
    await this.look(this.reference);
    const other = this.found;
    if (!other) {
      this.wrong ??= "There is no incident with this reference, or you may not see it.";
      this.update();
      return;
    }
    if (this.type === MERGE && !(await this.isSure(incident, other))) return;
    try {
      if (this.type === MERGE) await write(documents.Merge, { id: incident.id, into: other.id, idempotencyKey: this.key }, { id: incident.id, patch: { status: "RESOLVED" } });
      else await write(documents.Relate, { id: incident.id, to: other.id, type: this.type, idempotencyKey: this.key }, {});
      this.close();
    } catch (error) {
      this.wrong = reasonOf(error);
      this.key = newKey();
      this.update();
    }
  }

  isSure(incident, other) {
    const end = incident.resolvedAt ? "It stays resolved" : "It is resolved";
    return confirm({
      title: `Merge ${incident.reference} into ${other.reference}?`,
      text: `${end} as a duplicate of ${other.reference} "${other.title}", which goes on. Both keep their timelines, and an update here says so to everybody.`,
      yes: `Merge into ${other.reference}`,
    });
  }

  remove(relation) {
    const { incident, feed } = this.props;
    const { id } = incident;
    const nodes = incident.relations.nodes.filter((each) => each.id !== relation.id);
    const [from, target] = relation.isInverse ? [relation.incident.id, id] : [id, relation.incident.id];
    act(feed, documents.Unrelate, { id: from, to: target, type: relation.type }, from === id ? { relations: { ...incident.relations, nodes } } : undefined);
  }

  render({ incident, related, mayWrite }) {
    const { nodes } = incident.relations;
    if (!mayWrite && !nodes.length) return null;
    const live = new Map((related ?? []).map((other) => [other.id, other]));
    return h(Section, { title: "Related incidents", onedit: mayWrite ? () => this.open() : undefined, editWord: "Add", isOpen: this.isOpen },
      nodes.length === 0 && !this.isOpen && h("p", { class: "muted" }, "None."),
      h("ul", { class: "aside-list" }, nodes.map((relation) => h("li", { key: relation.id, class: "relation-line" },
        h("span", { class: "muted small" }, relationWord(relation)),
        relation.incident ? h(Other, { incident: { ...relation.incident, ...live.get(relation.incident.id) } }) : h("span", {}, "an incident that was deleted"),
        mayWrite && relation.incident && h("button", { class: "text-button no-print", onclick: () => this.remove(relation) }, "Remove", h("span", { class: "visually-hidden" }, ` ${relation.incident.reference}`))))),
      this.isOpen && this.renderForm());
  }

  renderForm() {
    const { found, type, reference, wrong } = this;
    return h("form", { class: "form", onsubmit: (event) => this.submit(event), onkeydown: onEscape(() => this.close()) },
      h(Field, { name: "relation-type", label: "This incident is", control: choices({ ...RELATION_WORDS, [MERGE]: "To be merged into" }, { value: type, onchange: (event) => { this.type = event.target.value; this.update(); } }) }),
      h(Field, { name: "relation-to", label: "Reference", wrong, help: type === MERGE ? "This one is resolved as its duplicate, and the other goes on. Both keep their timelines." : undefined, control: h("input", { required: true, autofocus: true, autocomplete: "off", maxlength: 40, placeholder: "INC-41", value: reference, oninput: (event) => this.look(event.target.value) }) }),
      found && h(Other, { incident: found }),
      h(FormActions, { oncancel: () => this.close(), word: type === MERGE ? "Merge…" : "Add" }));
  }
}

function Other({ incident }) {
  const { reference, title, status, severity } = incident;
  return h("a", { class: "other-incident", href: to(`incidents/${reference}`) },
    h(Severity, { severity, short: true }), h("span", { class: "reference" }, reference), h("bdi", { class: "one-line" }, title), h("span", { class: "muted small" }, STATUSES[status]));
}
