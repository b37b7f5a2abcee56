// A form that sends once, and says what is wrong beside the field that it is wrong with.

import { Component, h } from "../lib/view.js";
import { reasonOf } from "../state/reasons.js";

/**
 * A form. `fields(wrong)` returns its fields, where `wrong("name")` is what is wrong with one. `onsubmit(values, form)` gets
 * a FormData and sends it; it may reject with the client's error, whose fields are those of the form, or throw a `Refusal`.
 */
export class Form extends Component {
  wrongs = new Map();

  async submit(event) {
    event.preventDefault();
    if (this.isBusy) return;
    const form = event.target;
    Object.assign(this, { isBusy: true, failure: undefined, wrongs: new Map() });
    this.update();
    try {
      await this.props.onsubmit(new FormData(form), form);
    } catch (error) {
      this.refuse(error, form);
    }
    this.isBusy = false;
    this.update();
  }

  refuse(error, form) {
    const rest = [];
    for (const { code, message, field } of error.errors ?? [error]) {
      const name = nameOf(field, form);
      if (name) this.wrongs.set(name, [this.wrongs.get(name), message].filter(Boolean).join(" "));
      else rest.push(reasonOf({ code: code ?? error.code, message }));
    }
    this.failure = rest.join(" ") || undefined;
    const [first] = this.wrongs.keys();
    const control = first && form.elements[first];
    if (!control) return;
    const folded = control.closest?.("details:not([open])");
    if (folded) folded.open = true;
    control.focus?.();
  }

  render({ fields, action, oncancel }) {
    return h("form", { class: "form", onsubmit: (event) => this.submit(event) },
      fields((name) => this.wrongs.get(name)),
      this.failure && h("p", { class: "notice critical", role: "alert" }, this.failure),
      h("div", { class: "actions" },
        oncancel && h("button", { type: "button", class: "button", onclick: oncancel }, "Cancel"),
        h("button", { class: "button first", disabled: this.isBusy }, action)));
  }
}

/** What a form refuses by itself, before anything is sent: a message, and the field that it is about. */
export class Refusal extends Error {
  constructor(message, field) {
    super(message);
    this.errors = [{ message, field: [field] }];
  }
}

/** The field of a path such as ["mapping", "links", "0"]: the longest beginning of it that the form has. */
function nameOf(path, form) {
  for (let length = path?.length ?? 0; length > 0; length -= 1) {
    const name = path.slice(0, length).join(".");
    if (form.elements[name]) return name;
  }
  return undefined;
}
