// The list of shortcuts, opened by `?`.

import { known, register } from "../lib/keys.js";
import { Component, h } from "../lib/view.js";
import { Dialog } from "./dialog.js";

/** The dialog and its own shortcut. */
export class Shortcuts extends Component {
  mounted() {
    this.end = register([{ keys: ["?"], does: "Show this list", run: () => this.show(true) }]);
  }

  removed() {
    this.end();
  }

  show(isOpen) {
    this.isOpen = isOpen;
    this.update();
  }

  render() {
    if (!this.isOpen) return null;
    return h(Dialog, { title: "Shortcuts", onclose: () => this.show(false) },
      h("dl", { class: "shortcuts" }, known().filter(({ does }) => does).map(({ keys, does }) =>
        h("div", { key: does }, h("dt", {}, keys.map((key) => h("kbd", { key }, key))), h("dd", {}, does)))));
  }
}
