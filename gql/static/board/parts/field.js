// A labelled field of a form, with its help and what is wrong with it.

import { h } from "../lib/view.js";

let count = 0;
const ids = new Map();
const idOf = (name) => ids.get(name) ?? ids.set(name, `field-${++count}`).get(name);

/** A field: `control` is an input, select or textarea; `name` is unique on the page. */
export function Field({ name, label, help, wrong, control }) {
  const id = idOf(name);
  const notes = [help && `${id}-help`, wrong && `${id}-wrong`].filter(Boolean).join(" ");
  Object.assign(control.props, { id, name, "aria-describedby": notes || undefined, "aria-invalid": wrong ? "true" : undefined });
  return h("div", { class: "field" },
    h("label", { for: id }, label),
    control,
    help && h("p", { class: "help", id: `${id}-help` }, help),
    wrong && h("p", { class: "wrong", id: `${id}-wrong` }, wrong));
}

/** A select over `{ VALUE: "Word" }`. */
export function choices(words, { value, ...props }) {
  return h("select", { value, ...props }, Object.entries(words).map(([name, word]) => h("option", { key: name, value: name, selected: name === value }, word)));
}
