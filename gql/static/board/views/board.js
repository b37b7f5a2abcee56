// All open incidents, the worst first.

import documents from "../documents.js";
import { Page } from "../lib/page.js";
import { to } from "../lib/router.js";
import { h } from "../lib/view.js";
import { Severity, STATUSES } from "../parts/marks.js";
import { Bones, Empty, Failure } from "../parts/states.js";
import { Lasted } from "../parts/time.js";
import { shown } from "../state/writes.js";

/** The first page. */
export class Board extends Page {
  render() {
    const incidents = this.follow("incidents", documents.OpenIncidents, { filter: { open: true } }, { list: true });
    if (incidents.error) return h(Failure, { reason: incidents.error });
    if (!incidents.loaded && !incidents.items.length) return h(Bones);
    return h("div", {},
      h("h1", {}, `${incidents.totalCount} open`),
      incidents.items.length ? h("ol", { class: "rows" }, incidents.items.map((incident) => h(Row, { key: incident.id, incident: shown(incident) })))
        : h(Empty, { title: "Nothing is open" }, h("p", {}, "Incidents appear here as soon as somebody reports one.")));
  }
}

function Row({ incident }) {
  return h("li", { class: "row" },
    h(Severity, { severity: incident.severity }), " ",
    h("a", { href: to(`incidents/${incident.reference}`) }, incident.title), " ",
    h("span", { class: "muted" }, incident.reference, " ", STATUSES[incident.status], " ", h(Lasted, { from: incident.occurredAt })));
}
