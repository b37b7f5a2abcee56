// The two sides of systems: how they are, and what is planned for them.

import { to } from "../../lib/router.js";
import { h } from "../../lib/view.js";

const SIDES = [["systems", "Health"], ["maintenance", "Maintenance"]];

/** The links between the list of systems and that of maintenance; `at` is the address of the present one. */
export function SystemTabs({ at }) {
  return h("nav", { class: "choices system-tabs", "aria-label": "Health and maintenance" }, SIDES.map(([address, word]) =>
    h("a", { key: address, href: to(address), "aria-current": address === at ? "page" : undefined }, word)));
}
