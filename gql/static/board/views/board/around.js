// The systems beside the incidents: those that are not well, then those under maintenance, and the rest folded.

import { documents } from "../../documents.js";
import { to } from "../../lib/router.js";
import { h } from "../../lib/view.js";
import { HealthMark } from "../../parts/marks.js";
import { named, namesOf } from "../../state/names.js";
import { several } from "./words.js";

const RANK = { UNHEALTHY: 0, DEGRADED: 1, HEALTHY: 2 };
const MOST = 100;

/**
 * Follows the systems for a page; call it while that renders. `maintained` says which are under maintenance. Returns
 * `{ sick, rest, resting, loaded, error, names }` and their numbers.
 */
export function followSystems(page, maintained) {
  const all = page.follow("systems", documents.Systems, { first: MOST }, { list: true });
  const isWhole = all.totalCount <= all.items.length;
  // Whoever has more systems than one list shows is told of the sick ones by a list of their own.
  const ill = isWhole ? all : page.follow("sick systems", documents.Systems, { filter: { health: { notIn: ["HEALTHY"] } }, first: MOST }, { list: true });
  if (isWhole) page.unfollow("sick systems");
  const withMaintenance = maintained?.apply ?? ((system) => system);
  const isSick = ({ health }) => health.status !== "HEALTHY";
  const sick = ill.items.filter(isSick).sort((a, b) => RANK[a.health.status] - RANK[b.health.status]).map(withMaintenance);
  const well = all.items.filter((system) => !isSick(system)).map(withMaintenance);
  const sickCount = isWhole ? sick.length : ill.totalCount;
  return {
    sick, sickCount,
    resting: well.filter(({ underMaintenance }) => underMaintenance),
    rest: well.filter(({ underMaintenance }) => !underMaintenance),
    healthyCount: all.totalCount - sickCount,
    totalCount: all.totalCount,
    loaded: all.loaded || all.items.length > 0,
    error: all.error,
    names: namesOf([...all.items, ...ill.items]),
  };
}

/** Returns a list of incidents whose systems are called as they are now, also those that `followSystems` does not list. */
export function withNames(page, incidents, names) {
  const unknown = new Set(page.unknown);
  for (const { systems } of incidents) for (const { id, key } of systems) if (!names.has(id) && unknown.size < MOST) unknown.add(key);
  // It only grows, so that the list does not begin again with each incident.
  page.unknown = [...unknown];
  const more = page.unknown.length ? page.follow("other systems", documents.SystemsOfIncident, { filter: { key: { in: page.unknown } }, first: MOST }, { list: true }) : undefined;
  const known = more?.items.length ? new Map([...names, ...namesOf(more.items)]) : names;
  return incidents.map((incident) => named(incident, known));
}

/** The systems, of what `followSystems` returns. */
export function Systems({ systems }) {
  const { sick, sickCount, resting, rest, healthyCount, totalCount } = systems;
  const first = sick.length + resting.length;
  const healthy = healthyCount - resting.length;
  return h("section", { class: "unwell", "aria-labelledby": "systems-heading" },
    h("h2", { id: "systems-heading" }, "Systems"),
    totalCount === 0 && h("p", { class: "muted" }, "There are none yet."),
    first > 0 && h("ul", { class: "system-list" }, [...sick, ...resting].map((system) => h(SystemRow, { key: system.id, ...rowOf(system) }))),
    sickCount > sick.length && h("p", { class: "note" }, `${several(sickCount - sick.length, "more is", "more are")} not healthy.`),
    healthy > 0 && h("details", { class: "rest-systems" },
      h("summary", {}, first ? `${several(healthy, "more is", "more are")} healthy` : totalCount === 1 ? "The only system is healthy" : `All ${totalCount.toLocaleString("en")} are healthy`),
      h("ul", { class: "system-list" }, rest.map((system) => h(SystemRow, { key: system.id, ...rowOf(system) }))),
      healthy > rest.length && h("p", { class: "note" }, h("a", { href: to("systems") }, "All systems"))));
}

const rowOf = ({ id, key, name, health, underMaintenance }) => ({ id, address: to(`systems/${encodeURIComponent(key)}`), name, status: health.status, underMaintenance });

function SystemRow({ address, name, status, underMaintenance }) {
  return h("li", { class: "side-system" },
    h("a", { class: "one-line", href: address, dir: "auto" }, name),
    status !== "HEALTHY" || !underMaintenance ? h(HealthMark, { status }) : null,
    underMaintenance ? h(HealthMark, { status, underMaintenance }) : null);
}
