// A button with more below it. It closes with Escape, with a click elsewhere, and once something was chosen.

import { Component, h } from "../../lib/view.js";

/** Props: `word` on the button, and the buttons as children. */
export class Menu extends Component {
  mounted() {
    this.close = (event) => {
      if (this.dom.open && !this.dom.contains(event.target)) this.dom.open = false;
    };
    document.addEventListener("pointerdown", this.close);
    document.addEventListener("focusin", this.close);
  }

  removed() {
    document.removeEventListener("pointerdown", this.close);
    document.removeEventListener("focusin", this.close);
  }

  press(event) {
    if (event.key !== "Escape" || !this.dom.open) return;
    this.dom.open = false;
    this.dom.firstChild.focus();
    event.stopPropagation();
    event.preventDefault();
  }

  render({ word, children }) {
    return h("details", { class: "drop", onkeydown: (event) => this.press(event) },
      h("summary", { class: "button small-gap" }, word),
      h("div", { class: "drop-body", onclick: (event) => event.target.closest("button") && (this.dom.open = false) }, children));
  }
}
