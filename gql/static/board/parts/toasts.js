// Short messages at the edge: what went wrong with a write, or that it is done.

import { Component, h } from "../lib/view.js";
import { Icon } from "./icons.js";

const KEPT_MILLIS = 6_000;
let messages = [];
let show = () => {};

/** Says something; what is bad stays until it is closed. */
export function say(text, { bad = false } = {}) {
  const message = { text, bad, id: Symbol(text) };
  messages = [...messages.slice(-3), message];
  if (!bad) setTimeout(() => drop(message), KEPT_MILLIS);
  show();
}

function drop(message) {
  messages = messages.filter((other) => other !== message);
  show();
}

/** The messages that are shown now. */
export class Toasts extends Component {
  mounted() {
    show = () => this.update();
  }

  render() {
    return h("div", { class: "toasts", role: "status", "aria-live": "polite" },
      messages.map((message) =>
        h("div", { key: message.id, class: message.bad ? "toast bad" : "toast" },
          h("div", {}, message.text),
          h("button", { class: "button quiet small", "aria-label": "Close the message", onclick: () => drop(message) }, h(Icon, { name: "close" })))));
  }
}
