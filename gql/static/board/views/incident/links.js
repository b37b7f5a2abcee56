// Links to pages elsewhere: dashboards, tickets, calls.

import { documents } from "../../documents.js";
import { Component, h } from "../../lib/view.js";
import { Field, choices } from "../../parts/field.js";
import { reasonOf } from "../../state/reasons.js";
import { newKey, write } from "../../state/writes.js";
import { act } from "./acting.js";
import { FormActions, onEscape, Section } from "./section.js";
import { READERS } from "./words.js";

const NEW = { url: "", label: "", visibility: "INTERNAL" };

/** Props: `incident` as shown, `feed`, `mayWrite`. */
export class Links extends Component {
  open(link) {
    Object.assign(this, { edited: link, values: { ...NEW, ...link, label: link.label ?? "" }, key: newKey(), wrong: undefined });
    this.update();
  }

  close() {
    this.edited = undefined;
    this.update();
  }

  async submit(event) {
    event.preventDefault();
    const { incident } = this.props;
    const { url, label, visibility } = this.values;
    const fields = { incidentId: incident.id, url: url.trim(), label: label.trim() || null, visibility };
    const { id } = this.edited;
    try {
      if (id) await write(documents.ChangeLink, { id, ...fields }, {});
      else await write(documents.AddLink, { ...fields, idempotencyKey: this.key }, {});
      this.close();
    } catch (error) {
      this.wrong = reasonOf(error);
      this.update();
    }
  }

  remove({ id }) {
    const { incident, feed } = this.props;
    const nodes = incident.links.nodes.filter((link) => link.id !== id);
    act(feed, documents.RemoveLink, { incidentId: incident.id, id }, { links: { ...incident.links, nodes } });
  }

  render({ incident, mayWrite }) {
    const { nodes, totalCount } = incident.links;
    if (!mayWrite && !nodes.length) return null;
    return h(Section, { title: "Links", onedit: mayWrite ? () => this.open(NEW) : undefined, editWord: "Add", isOpen: Boolean(this.edited) },
      nodes.length === 0 && !this.edited && h("p", { class: "muted" }, "None yet: dashboards, tickets, calls."),
      h("ul", { class: "aside-list" }, nodes.map((link) => h("li", { key: link.id, class: "link-line" },
        h("a", { href: link.url, rel: "noopener noreferrer", target: "_blank", dir: "auto", title: link.url }, link.label || link.url),
        h("span", { class: "muted small" }, READERS[link.visibility][1]),
        mayWrite && h("span", { class: "line-tools no-print" },
          h("button", { class: "text-button", onclick: () => this.open(link) }, "Edit"),
          h("button", { class: "text-button", onclick: () => this.remove(link) }, "Remove"))))),
      totalCount > nodes.length && h("p", { class: "small muted" }, `and ${totalCount - nodes.length} more, on the timeline.`),
      this.edited && this.renderForm());
  }

  renderForm() {
    const { url, label, visibility } = this.values;
    const set = (name) => (event) => {
      this.values[name] = event.target.value;
      this.update();
    };
    const readers = Object.fromEntries(Object.entries(READERS).map(([name, [, word]]) => [name, word]));
    return h("form", { class: "form", onsubmit: (event) => this.submit(event), onkeydown: onEscape(() => this.close()) },
      h(Field, { name: "link-url", label: "Address", wrong: this.wrong, control: h("input", { type: "url", required: true, maxlength: 2000, placeholder: "https://", autofocus: true, value: url, oninput: set("url") }) }),
      h(Field, { name: "link-label", label: "Label", control: h("input", { maxlength: 120, dir: "auto", value: label, oninput: set("label") }) }),
      h(Field, { name: "link-visibility", label: "Who sees it", help: READERS[visibility][0].replace("read", "see"), control: choices(readers, { value: visibility, onchange: set("visibility") }) }),
      h(FormActions, { oncancel: () => this.close() }));
  }
}
