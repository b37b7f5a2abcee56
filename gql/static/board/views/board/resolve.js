// The dialog before an incident is resolved: a last message, and who may read it.

import { Component, h } from "../../lib/view.js";
import { Dialog } from "../../parts/dialog.js";
import { Field, choices } from "../../parts/field.js";
import { say } from "../../parts/toasts.js";
import { VISIBILITIES } from "../../parts/radios.js";
import { resolve } from "../../state/incidents.js";

const READERS = Object.fromEntries(Object.entries(VISIBILITIES).map(([visibility, [word]]) => [visibility, word]));

/** Props: `incident` and `onclose`. */
export class ResolveDialog extends Component {
  visibility = "PUBLIC";

  choose(visibility) {
    this.visibility = visibility;
    this.update();
  }

  submit(event) {
    event.preventDefault();
    const { incident, onclose } = this.props;
    const message = new FormData(event.target).get("resolve-message").trim();
    // It is shown at once; whoever waits for an answer is waiting for nothing.
    resolve(incident, { message, visibility: this.visibility }).then(
      () => say(`${incident.reference} is resolved.`),
      ({ message: reason }) => say(`${incident.reference} is not resolved. ${reason}`, { bad: true }),
    );
    onclose();
  }

  render({ incident, onclose }) {
    return h(Dialog, { title: `Resolve ${incident.reference}`, onclose },
      h("p", {}, h("bdi", {}, incident.title)),
      h("form", { class: "form", onsubmit: (event) => this.submit(event), onkeydown: (event) => event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.currentTarget.requestSubmit() },
        h(Field, { name: "resolve-message", label: "Last message", help: "What was wrong and what mended it. You may leave it empty.", control: h("textarea", { rows: 3, maxlength: 25_000, autofocus: true, dir: "auto" }) }),
        h(Field, { name: "resolve-readers", label: "Who may read it", help: VISIBILITIES[this.visibility][1], control: choices(READERS, { value: this.visibility, onchange: (event) => this.choose(event.target.value) }) }),
        h("div", { class: "actions" },
          h("button", { type: "button", class: "button", onclick: (event) => event.target.closest("dialog").close() }, "Cancel"),
          h("button", { class: "button first" }, "Resolve"))));
  }
}
