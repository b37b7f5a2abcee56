// A dialog over the page: the browser's own, which keeps the focus inside and gives it back.

import { Component, h } from "../lib/view.js";
import { Icon } from "./icons.js";

/** A dialog with a title; `onclose` is called when it was closed, by whatever. Render it only while it is open; `isWide` is for texts side by side. */
export class Dialog extends Component {
  mounted() {
    this.dom.showModal();
    this.dom.querySelector("[autofocus]")?.focus();
  }

  removed() {
    // The element is gone from the page already; the browser gives the focus back only where it was closed.
    this.before?.isConnected && this.before.focus();
  }

  constructor(props) {
    super(props);
    this.before = document.activeElement;
  }

  render({ title, isWide, onclose, children }) {
    return h("dialog", {
      class: isWide ? "wide" : undefined,
      "aria-label": title,
      onclose,
      onclick: (event) => event.target === event.currentTarget && event.currentTarget.close(),
    },
      h("div", { class: "dialog-head" },
        h("h2", {}, title),
        h("button", { class: "button quiet small", "aria-label": "Close", onclick: (event) => event.target.closest("dialog").close() }, h(Icon, { name: "close" }))),
      h("div", { class: "dialog-body" }, children));
  }
}
