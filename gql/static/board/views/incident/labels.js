// Labels: keys with a value each. Those that a reader does not touch stay as somebody else set them.

import { documents } from "../../documents.js";
import { Component, h } from "../../lib/view.js";
import { reasonOf } from "../../state/reasons.js";
import { write } from "../../state/writes.js";
import { FormActions, onEscape, Section } from "./section.js";

const MOST = 50;

/** Props: `incident` as shown, `feed`, `mayWrite`. */
export class Labels extends Component {
  edit() {
    const { labels } = this.props.incident;
    Object.assign(this, { isOpen: true, before: labels, rows: [...labels.map((label) => ({ ...label, id: label.key })), blank()], wrong: undefined });
    this.update();
  }

  close() {
    this.isOpen = false;
    this.update();
  }

  set(row, name, value) {
    row[name] = value;
    // There is always an empty line to go on with.
    if (this.rows.at(-1).key && this.rows.length < MOST) this.rows.push(blank());
    this.update();
  }

  async submit(event) {
    event.preventDefault();
    const { incident } = this.props;
    const wanted = new Map(this.rows.filter(({ key }) => key.trim()).map(({ key, value }) => [key.trim(), value.trim()]));
    const changed = [...wanted].filter(([key, value]) => this.before.find((label) => label.key === key)?.value !== value).map(([key, value]) => ({ key, value }));
    const removed = this.before.filter(({ key }) => !wanted.has(key)).map(({ key }) => ({ key, value: null }));
    try {
      const patch = { labels: [...wanted].map(([key, value]) => ({ key, value })).sort((a, b) => (a.key < b.key ? -1 : 1)) };
      if (changed.length + removed.length) await write(documents.SetLabels, { id: incident.id, labels: [...changed, ...removed] }, { id: incident.id, patch });
      this.close();
    } catch (error) {
      this.wrong = reasonOf(error);
      this.update();
    }
  }

  render({ incident, mayWrite }) {
    const { labels } = incident;
    if (!mayWrite && !labels.length) return null;
    return h(Section, { title: "Labels", onedit: mayWrite ? () => this.edit() : undefined, isOpen: this.isOpen },
      this.isOpen ? this.renderForm() : labels.length
        ? h("dl", { class: "labels" }, labels.map(({ key, value }) => h("div", { key }, h("dt", { dir: "auto" }, key), h("dd", { dir: "auto" }, value))))
        : h("p", { class: "muted" }, "None."));
  }

  renderForm() {
    return h("form", { class: "form", onsubmit: (event) => this.submit(event), onkeydown: onEscape(() => this.close()) },
      this.rows.map((row, nth) => h("div", { key: row.id, class: "label-row" },
        h("input", { "aria-label": `Key ${nth + 1}`, placeholder: "key", maxlength: 64, value: row.key, oninput: (event) => this.set(row, "key", event.target.value) }),
        h("input", { "aria-label": `Value ${nth + 1}`, placeholder: "value", maxlength: 200, dir: "auto", value: row.value, oninput: (event) => this.set(row, "value", event.target.value) }))),
      h("p", { class: "small muted" }, "An empty key takes the label away."),
      this.wrong && h("p", { class: "wrong", role: "alert" }, this.wrong),
      h(FormActions, { oncancel: () => this.close() }));
  }
}

let count = 0;
const blank = () => ({ id: `new ${++count}`, key: "", value: "" });
