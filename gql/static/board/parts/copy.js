// Copying: a button that says that it did, and texts that are there to be copied.

import { Component, h } from "../lib/view.js";

const SAID_MILLIS = 2_500;

/** A button that copies `text`; `what` names it for those who hear the page, such as "the token". */
export class Copy extends Component {
  async copy() {
    const { text } = this.props;
    this.said = (await copied(text, this.dom.parentNode)) ? "Copied" : "Not copied: select the text";
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.show(undefined), SAID_MILLIS);
    this.update();
  }

  show(said) {
    this.said = said;
    this.update();
  }

  removed() {
    clearTimeout(this.timer);
  }

  render({ what }) {
    return h("span", { class: "copy" },
      h("button", { type: "button", class: "button small", onclick: () => this.copy() }, this.said ?? "Copy", what && h("span", { class: "visually-hidden" }, ` ${what}`)),
      h("span", { class: "visually-hidden", role: "status" }, this.said));
  }
}

/** A labelled text of one line or several, to be selected or copied. */
export function Copyable({ label, text, isBlock }) {
  return h("div", { class: "copyable" },
    h("div", { class: "copyable-head" }, h("span", { class: "label" }, label), h(Copy, { text, what: label })),
    isBlock
      ? h("pre", { tabindex: "0", role: "group", "aria-label": label }, text)
      : h("input", { class: "code", readonly: true, "aria-label": label, value: text, spellcheck: "false", autocomplete: "off", onfocus: (event) => event.target.select() }));
}

async function copied(text, beside) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Over plain HTTP browsers have no clipboard but for what is selected, in what is not behind a dialog.
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "visually-hidden";
    const { activeElement } = document;
    beside.append(area);
    area.select();
    const isDone = document.execCommand("copy");
    area.remove();
    activeElement?.focus();
    return isDone;
  }
}
