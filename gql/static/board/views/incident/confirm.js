// A question before what cannot be taken back, asked from wherever it comes up.

import { Component, h } from "../../lib/view.js";
import { Confirm } from "../../parts/confirm.js";

let open = () => Promise.resolve(false);

/** Asks `{ title, text, yes }`, and resolves with whether the answer was yes. */
export const confirm = (question) => open(question);

/** The place of the question; one on the page. */
export class Question extends Component {
  mounted() {
    open = (question) =>
      new Promise((resolve) => {
        this.question = question;
        this.resolve = resolve;
        this.update();
      });
  }

  removed() {
    this.answer(false);
    open = () => Promise.resolve(false);
  }

  answer(isYes) {
    this.resolve?.(isYes);
    this.question = this.resolve = undefined;
    this.update();
  }

  render() {
    if (!this.question) return null;
    const { title, text, yes } = this.question;
    return h(Confirm, { title, action: yes, onconfirm: async () => this.answer(true), onclose: () => this.answer(false) }, h("p", {}, text));
  }
}
