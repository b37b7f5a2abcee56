// A question before what cannot be taken back: what will happen, and a button that says it again.

import { Component, h } from "../lib/view.js";
import { reasonOf } from "../state/reasons.js";
import { Dialog } from "./dialog.js";
import { Field } from "./field.js";

/**
 * A dialog that asks. `children` say what happens; `action` is the verb on the button; with `typed`, that text has to be
 * written first. `onconfirm` does it: when it rejects, the reason is shown and the dialog stays; else `onclose` is called,
 * and then what it has returned, where that is a function.
 */
export class Confirm extends Component {
  async submit(event) {
    event.preventDefault();
    const { typed, onconfirm, onclose } = this.props;
    if (typed !== undefined && event.target.elements.typed.value.trim() !== typed.trim()) {
      this.show({ wrong: "That is another text." });
      return;
    }
    this.show({ isBusy: true });
    let then;
    try {
      then = await onconfirm();
    } catch (error) {
      this.show({ failure: reasonOf(error) });
      return;
    }
    this.isBusy = false;
    onclose();
    if (typeof then === "function") then();
  }

  show({ isBusy = false, wrong, failure }) {
    Object.assign(this, { isBusy, wrong, failure });
    this.update();
  }

  render({ title, action, typed, isSafe, onclose, children }) {
    return h(Dialog, { title, onclose },
      h("form", { class: "form", onsubmit: (event) => this.submit(event) },
        h("div", { class: "prose" }, children),
        typed !== undefined && h(Field, {
          name: "typed", label: ["To confirm, type ", h("bdi", { class: "typed" }, typed)], wrong: this.wrong,
          control: h("input", { autocomplete: "off", spellcheck: "false", autofocus: true, required: true }),
        }),
        this.failure && h("p", { class: "notice critical", role: "alert" }, this.failure),
        h("div", { class: "actions" },
          h("button", { type: "button", class: "button", onclick: onclose }, "Keep it as it is"),
          h("button", { class: isSafe ? "button first" : "button danger", disabled: this.isBusy }, action))));
  }
}
