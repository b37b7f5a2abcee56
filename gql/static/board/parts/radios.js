// A choice of one of a few, each with a word on what it means.

import { h } from "../lib/view.js";

/** The ways to say who reads a message, and what each comes to. */
export const VISIBILITIES = {
  PUBLIC: ["Public", "Everybody on the internet will read this."],
  LOGGED_IN: ["Signed in", "Everybody who is signed in will read this."],
  INTERNAL: ["Responders", "Nobody else will read this."],
};

/** Radio buttons over `[value, word, meaning]`; `name` is unique on the page. A `mark` is drawn before the word. */
export function Radios({ name, legend, options, value, onchange, wrong }) {
  return h("fieldset", { class: "radios", "aria-describedby": wrong && `${name}-wrong` },
    h("legend", {}, legend),
    h("div", { class: "radios-options" }, options.map(([option, word, meaning, mark]) =>
      h("label", { key: option, class: "radio" },
        h("input", { type: "radio", name, value: option, checked: option === value, onchange: () => onchange(option) }),
        h("span", { class: "radio-word" }, mark ?? word),
        h("span", { class: "help" }, meaning)))),
    wrong && h("p", { class: "wrong", id: `${name}-wrong` }, wrong));
}
