// All systems on one screen: those that are not well by name, the others as small as their number asks for.

import { h } from "../../lib/view.js";
import { HealthMark } from "../../parts/marks.js";

const RANK = { UNHEALTHY: 0, DEGRADED: 1, HEALTHY: 2 };
const MOST_NAMED = 48;
const MOST_LARGE = 150;
const MOST_SICK = 12;

/** Props: `systems` with their health. */
export function SystemGrid({ systems }) {
  const isSick = ({ health, underMaintenance }) => health.status !== "HEALTHY" || underMaintenance;
  const sick = systems.filter(isSick).sort((a, b) => RANK[a.health.status] - RANK[b.health.status]);
  const well = [...sick.slice(MOST_SICK), ...systems.filter((system) => !isSick(system))];
  const areNamed = systems.length <= MOST_NAMED;
  return h("section", { class: "wall-systems", "aria-label": "Systems" },
    sick.length > 0 && h("ul", { class: "wall-sick" }, sick.slice(0, MOST_SICK).map(({ id, name, health, underMaintenance }) =>
      h("li", { key: id }, h(HealthMark, { status: health.status, underMaintenance: underMaintenance && health.status === "HEALTHY", short: true }), h("bdi", { class: "one-line" }, name)))),
    h("ul", { class: `wall-well${areNamed ? " is-named" : systems.length > MOST_LARGE ? " is-many" : ""}` }, well.map(({ id, name, health, underMaintenance }) =>
      h("li", { key: id, title: name }, h(HealthMark, { status: health.status, underMaintenance, short: true }), areNamed ? h("bdi", { class: "one-line" }, name) : h("span", { class: "visually-hidden" }, name)))));
}
