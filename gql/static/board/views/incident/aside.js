// What stands beside the timeline: facts, people, systems, labels, links, relations.

import { to } from "../../lib/router.js";
import { h } from "../../lib/view.js";
import { Facts } from "./facts.js";
import { Labels } from "./labels.js";
import { Links } from "./links.js";
import { People } from "./people.js";
import { Relations } from "./relations.js";
import { Systems } from "./systems.js";
import { nameOf } from "./words.js";

/** Props: `incident` as shown, `feed`, `mayWrite`, its `resolution`, and the live lists `health` and `related`. */
export function Aside({ incident, feed, mayWrite, resolution, health, related }) {
  const { automationRun, openedBy } = incident;
  return h("aside", { class: "incident-aside", "aria-label": "About the incident" },
    h(Facts, { incident, feed, mayWrite, resolution }),
    h(People, { incident, feed, mayWrite }),
    h(Systems, { incident, feed, mayWrite, health }),
    h(Links, { incident, feed, mayWrite }),
    h(Relations, { incident, feed, mayWrite, related }),
    h(Labels, { incident, feed, mayWrite }),
    h("section", {},
      h("h2", {}, "Opened by"),
      h("p", { dir: "auto" }, automationRun ? h("span", {}, "The automation ", h("a", { href: to(`automations/runs/${automationRun.id}`) }, automationRun.automation?.name ?? "that was deleted")) : nameOf(openedBy))));
}
