// Who leads, and who takes part.

import { documents } from "../../documents.js";
import { Component, h } from "../../lib/view.js";
import { Field } from "../../parts/field.js";
import { Picker } from "../../parts/picker.js";
import { session } from "../../state/session.js";
import { act } from "./acting.js";
import { FormActions, onEscape, Section } from "./section.js";
import { nameOf } from "./words.js";

const MOST = 20;

/** Props: `incident` as shown, `feed`, `mayWrite`. */
export class People extends Component {
  edit() {
    const { lead, assignees } = this.props.incident;
    Object.assign(this, { isOpen: true, lead: lead ? [pickable(lead)] : [], assignees: assignees.map(pickable), before: { lead, assignees } });
    this.update();
  }

  close() {
    this.isOpen = false;
    this.update();
  }

  async submit(event) {
    event.preventDefault();
    const { feed, incident } = this.props;
    const { before } = this;
    const lead = this.lead[0]?.person ?? null;
    const assignees = this.assignees.map(({ person }) => person);
    const patch = {};
    // Only what was changed, so that somebody else's choice of the other stays.
    if (lead?.id !== before.lead?.id) patch.lead = lead;
    if (idsOf(assignees).join() !== idsOf(before.assignees).join()) patch.assignees = assignees;
    this.close();
    if (Object.keys(patch).length) await this.assign(incident.id, patch, feed);
  }

  assign(id, patch, feed) {
    const input = { id };
    if ("lead" in patch) input.lead = patch.lead?.id ?? null;
    if (patch.assignees) input.assignees = idsOf(patch.assignees);
    return act(feed, documents.Assign, input, patch);
  }

  render({ incident, feed, mayWrite }) {
    const { lead, assignees } = incident;
    const { person } = feed;
    return h(Section, { title: "People", onedit: mayWrite ? () => this.edit() : undefined, editWord: "Assign", isOpen: this.isOpen },
      this.isOpen ? this.renderForm() : h("dl", { class: "moments" },
        h("div", {}, h("dt", {}, "Lead"), h("dd", {}, lead ? h("bdi", {}, nameOf(lead)) : h("span", { class: "muted" }, "Nobody yet"),
          mayWrite && !lead && person && h("button", { class: "text-button no-print", onclick: () => this.assign(incident.id, { lead: person }, feed) }, "Take the lead"))),
        h("div", {}, h("dt", {}, "Assigned"), h("dd", {}, assignees.length ? assignees.map((each, nth) => h("span", { key: each.id ?? nth }, h("bdi", {}, nameOf(each)), nth < assignees.length - 1 && ",")) : h("span", { class: "muted" }, "Nobody yet")))));
  }

  renderForm() {
    return h("form", { class: "form", onsubmit: (event) => this.submit(event), onkeydown: onEscape(() => this.close()) },
      h(Field, { name: "lead", label: "Lead", control: h(Picker, { chosen: this.lead, most: 1, search: findPeople, placeholder: "A name", onchange: (chosen) => this.choose("lead", chosen.slice(-1)) }) }),
      h(Field, { name: "assignees", label: "Assigned", control: h(Picker, { chosen: this.assignees, most: MOST, search: findPeople, placeholder: "A name", onchange: (chosen) => this.choose("assignees", chosen) }) }),
      h(FormActions, { oncancel: () => this.close() }));
  }

  choose(name, chosen) {
    this[name] = chosen;
    this.update();
  }
}

const idsOf = (people) => people.map(({ id }) => id).sort();
const pickable = (person) => ({ id: person.id, name: nameOf(person), person });

async function findPeople(text) {
  const { people } = await session.client.query(documents.PeopleByText, { text });
  return { items: people.nodes.map(pickable), totalCount: people.totalCount };
}
