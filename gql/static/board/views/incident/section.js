// A section of the aside: a heading, what there is, and a form that opens in its place for those who may.

import { h } from "../../lib/view.js";

/** A section; `onedit` opens its form, `editWord` says what for; `isOpen` hides the button. */
export function Section({ title, onedit, editWord = "Edit", isOpen, children }) {
  return h("section", {},
    h("div", { class: "aside-head" },
      h("h2", {}, title),
      onedit && !isOpen && h("button", { class: "text-button no-print", onclick: onedit }, editWord, h("span", { class: "visually-hidden" }, ` ${title.toLowerCase()}`))),
    children);
}

/** The buttons of such a form. */
export function FormActions({ oncancel, word = "Save" }) {
  return h("div", { class: "actions" },
    h("button", { type: "button", class: "button small", onclick: oncancel }, "Cancel"),
    h("button", { class: "button first small" }, word));
}

/** Closes a form with Escape. */
export const onEscape = (close) => (event) => {
  if (event.key !== "Escape" || event.defaultPrevented) return;
  event.preventDefault();
  event.stopPropagation();
  close();
};
