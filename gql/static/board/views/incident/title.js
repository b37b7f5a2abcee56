// The title, edited in place by those who may.

import { documents } from "../../documents.js";
import { Component, flush, h } from "../../lib/view.js";
import { write } from "../../state/writes.js";
import { change } from "./acting.js";

/** Props: `feed`, `incident` as shown, `mayWrite`, and `onmade(title)`, which is told who can be asked to `edit()`. */
export class Title extends Component {
  mounted() {
    this.props.onmade(this);
  }

  removed() {
    this.props.onmade(undefined);
  }

  /** Begins to edit. */
  edit() {
    if (this.isOpen) return;
    this.isOpen = true;
    this.base = this.text = this.props.incident.title;
    this.update();
    // At once: what is typed next belongs into the field.
    flush();
    const field = this.dom.querySelector("textarea");
    field.focus();
    field.select();
  }

  close() {
    this.isOpen = false;
    this.update();
    flush();
    this.dom.querySelector("button")?.focus();
  }

  async save(event) {
    event?.preventDefault();
    const title = this.text.trim();
    if (!title || title === this.base) {
      this.close();
      return;
    }
    const { feed } = this.props;
    const result = await change(feed, {
      what: "title", base: this.base, mine: title, now: () => feed.incident.title,
      send: (expectedVersion) => write(documents.SetIncident, { id: feed.incident.id, title, expectedVersion }, { id: feed.incident.id, patch: { title } }),
    });
    if (result !== "open") this.close();
  }

  press(event) {
    if (event.isComposing) return;
    if (event.key === "Enter") this.save();
    else if (event.key === "Escape") this.close();
    else return;
    event.preventDefault();
  }

  render({ incident, mayWrite }) {
    if (this.isOpen) {
      return h("form", { class: "title title-form", onsubmit: (event) => this.save(event) },
        h("textarea", { "aria-label": "Title", rows: 1, maxlength: 200, dir: "auto", value: this.text, oninput: (event) => (this.text = event.target.value.replace(/\n/g, " ")), onkeydown: (event) => this.press(event) }),
        h("button", { class: "button first small" }, "Save"),
        h("button", { type: "button", class: "button small", onclick: () => this.close() }, "Cancel"));
    }
    return h("div", { class: "title" },
      h("h1", { dir: "auto", ondblclick: mayWrite ? () => this.edit() : undefined }, incident.title),
      mayWrite && h("button", { class: "text-button no-print", onclick: () => this.edit() }, "Edit", h("span", { class: "visually-hidden" }, " the title")));
  }
}
