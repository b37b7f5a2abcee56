// A filter of one choice, as links: each choice is an address.

import { place, to } from "../../lib/router.js";
import { h } from "../../lib/view.js";

/** The choices `words` of the parameter `name`; the first, without a value, is all. */
export function Choices({ name, label, words, all = "All" }) {
  const { path, parameters } = place();
  const present = parameters.get(name) ?? "";
  return h("nav", { class: "choices", "aria-label": label }, Object.entries({ "": all, ...words }).map(([value, word]) =>
    h("a", { key: value, href: `${to(path)}${value ? `?${new URLSearchParams({ [name]: value })}` : ""}`, "aria-current": value === present ? "true" : undefined }, word)));
}
