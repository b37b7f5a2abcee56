// Somebody else was faster: both texts side by side, and the reader decides. Closing it decides nothing and loses nothing.

import { Component, h } from "../../lib/view.js";
import { Dialog } from "../../parts/dialog.js";

let open = () => Promise.resolve(undefined);

/** Shows both texts of `what`; resolves with "mine", "theirs", or nothing. */
export const ask = (conflict) => open(conflict);

/** The place of the dialog; one on the page. */
export class Conflict extends Component {
  mounted() {
    open = (conflict) =>
      new Promise((resolve) => {
        this.conflict = conflict;
        this.resolve = resolve;
        this.update();
      });
  }

  removed() {
    this.decide(undefined);
    open = () => Promise.resolve(undefined);
  }

  decide(decision) {
    this.resolve?.(decision);
    this.conflict = this.resolve = undefined;
    this.update();
  }

  render() {
    if (!this.conflict) return null;
    const { what, theirs, mine } = this.conflict;
    return h(Dialog, { title: `Somebody else changed the ${what}`, isWide: true, onclose: () => this.decide(undefined) },
      h("p", {}, "While you were writing, it was changed. Nothing is lost: choose which one stays."),
      h("div", { class: "two-texts" },
        h("section", {}, h("h3", {}, "Theirs, as saved"), h("div", { class: "text-box", dir: "auto", tabindex: "0" }, theirs || "(empty)")),
        h("section", {}, h("h3", {}, "Yours, not saved"), h("div", { class: "text-box", dir: "auto", tabindex: "0" }, mine || "(empty)"))),
      h("div", { class: "actions" },
        h("button", { class: "button", onclick: () => this.decide("theirs") }, "Take theirs"),
        h("button", { class: "button first", onclick: () => this.decide("mine") }, "Keep mine")));
  }
}
