// The page for addresses that lead nowhere.

import { to } from "../lib/router.js";
import { h } from "../lib/view.js";

/** Says that there is nothing here. */
export function NotFound() {
  return h("div", { class: "empty" },
    h("h1", {}, "There is nothing here"),
    h("p", {}, "The address may be misspelt."),
    h("a", { class: "button", href: to() }, "All open incidents"));
}
