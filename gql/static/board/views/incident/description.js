// What the incident is about, in full; edited in place by those who may.

import { documents } from "../../documents.js";
import { Component, h } from "../../lib/view.js";
import { Field } from "../../parts/field.js";
import { say } from "../../parts/toasts.js";
import { reasonOf } from "../../state/reasons.js";
import { session } from "../../state/session.js";
import { write } from "../../state/writes.js";
import { change } from "./acting.js";
import { FormActions, onEscape } from "./section.js";

const LONGEST = 25_000;

/** Props: `incident` as shown, `feed`, `mayWrite`. */
export class Description extends Component {
  /** The text as it was written; what is shown is what the server made of it. */
  async read() {
    const { incident } = await session.client.query(documents.IncidentDescription, { id: this.props.feed.incident.id });
    return incident?.description ?? "";
  }

  async edit() {
    try {
      this.base = this.latest = this.text = await this.read();
      this.isOpen = true;
    } catch (error) {
      say(reasonOf(error), { bad: true });
    }
    this.update();
  }

  close() {
    this.isOpen = false;
    this.update();
  }

  async submit(event) {
    event.preventDefault();
    const { feed } = this.props;
    const description = this.text.trim();
    const result = description === this.base ? "saved" : await change(feed, {
      what: "description", base: this.base, mine: description, now: () => this.latest,
      send: async (expectedVersion) => {
        try {
          await write(documents.SetIncident, { id: feed.incident.id, description: description || null, expectedVersion }, {});
        } catch (error) {
          if (error.code === "VERSION_CONFLICT") this.latest = await this.read();
          throw error;
        }
      },
    });
    if (result !== "open") this.close();
  }

  render({ incident, mayWrite }) {
    const { descriptionHtml } = incident;
    if (this.isOpen) {
      return h("form", { class: "form description", onsubmit: (event) => this.submit(event), onkeydown: onEscape(() => this.close()) },
        h(Field, { name: "description", label: "Description", help: "Markdown. Everybody who may see the incident reads it.", control: h("textarea", { autofocus: true, dir: "auto", maxlength: LONGEST, value: this.text, oninput: (event) => (this.text = event.target.value) }) }),
        h(FormActions, { oncancel: () => this.close() }));
    }
    if (!descriptionHtml) return mayWrite ? h("p", { class: "description no-print" }, h("button", { class: "text-button", onclick: () => this.edit() }, "Add a description")) : null;
    return h("section", { class: "description", "aria-label": "Description" },
      h("h2", { class: "visually-hidden" }, "Description"),
      h("div", { class: "prose", dir: "auto", html: descriptionHtml }),
      mayWrite && h("button", { class: "text-button no-print", onclick: () => this.edit() }, "Edit", h("span", { class: "visually-hidden" }, " the description")));
  }
}
