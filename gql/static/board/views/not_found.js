// The page for addresses that lead nowhere.

import { to } from "../lib/router.js";
import { h } from "../lib/view.js";
import { Empty } from "../parts/states.js";

/** Says that there is nothing here. */
export function NotFound() {
  return h(Empty, { title: "There is nothing here" }, h("p", {}, "The address may be misspelt."), h("a", { class: "button", href: to() }, "All open incidents"));
}
