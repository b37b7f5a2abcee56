// The incidents, in groups of one severity each. Long lists are drawn a few dozen rows at a time.

import { to } from "../../lib/router.js";
import { Component, h } from "../../lib/view.js";
import { SEVERITIES, STATUSES, Severity } from "../../parts/marks.js";
import { Ago, Lasted } from "../../parts/time.js";
import { shown } from "../../state/writes.js";
import { listed, oneLine } from "./words.js";

/** So many are drawn at once that no frame is late on a slow machine. */
const SLICE = 15;

/** The groups. Props: `items`, `counts` by severity where they are known, `isResolved`, `onacknowledge` or nothing. */
export class Groups extends Component {
  limit = SLICE;

  mounted() {
    this.go();
  }

  removed() {
    cancelAnimationFrame(this.frame);
  }

  /** Draws the next rows in the next frame, until all are there. */
  go() {
    this.frame = requestAnimationFrame(() => {
      this.frame = undefined;
      if (this.limit >= this.props.items.length) return;
      this.limit += SLICE;
      this.update();
    });
  }

  render({ items, counts, isResolved, onacknowledge }) {
    if (this.limit < items.length && !this.frame && this.rendered) this.go();
    const rows = items.slice(0, this.limit);
    const row = (incident) => h(Row, { key: incident.id, incident: shown(incident), onacknowledge });
    if (isResolved) return h("ol", { class: "incidents" }, rows.map(row));
    return h("div", {}, Object.keys(SEVERITIES).map((severity) => {
      const own = rows.filter((incident) => incident.severity === severity);
      return own.length > 0 && h("section", { key: severity, class: "group", "aria-labelledby": `group-${severity}` },
        h("h2", { id: `group-${severity}` }, h(Severity, { severity }), h("span", { class: "muted digits" }, ` ${(counts?.[severity] ?? own.length).toLocaleString("en")}`)),
        h("ol", { class: "incidents" }, own.map(row)));
    }));
  }
}

function Row({ incident, onacknowledge }) {
  const { reference, title, severity, status, systems, occurredAt, resolvedAt, isPending } = incident;
  const [last] = incident.updates.nodes;
  const names = systems.map(({ name }) => name);
  return h("li", { class: `open-row ${severity.toLowerCase()}${resolvedAt ? " is-resolved" : ""}`, "data-id": incident.id, "aria-busy": isPending ? "true" : undefined },
    h(Severity, { severity, short: true }),
    h("div", { class: "incident-main" },
      h("a", { class: "incident-title", href: to(`incidents/${reference}`), dir: "auto" }, title),
      h("div", { class: "incident-facts" },
        h("span", { class: "digits" }, reference),
        h("bdi", { class: "incident-systems", title: names.length > 3 ? names.slice(0, 40).join(", ") : undefined }, listed(names)),
        last && h("span", { class: "incident-last" }, h("bdi", { class: "one-line" }, oneLine(last.message)), h("span", { class: "incident-when" }, h(Ago, { at: last.createdAt }))))),
    h("div", { class: "incident-state" },
      h("span", { class: "incident-status" }, STATUSES[status]),
      h("span", { class: "incident-lead one-line" }, resolvedAt ? "" : incident.lead ? h("bdi", {}, incident.lead.name ?? "Somebody") : h("span", { class: "muted" }, h("span", { class: "visually-hidden" }, "Lead: "), "Nobody yet"))),
    h("div", { class: "incident-seen" },
      h("span", { class: "incident-age", title: resolvedAt ? "How long it lasted" : "How long it has been open" }, h(Lasted, { from: occurredAt, to: resolvedAt ?? undefined })),
      seen(incident, onacknowledge)));
}

function seen(incident, onacknowledge) {
  const { acknowledgedAt, acknowledgedBy, resolvedAt, title } = incident;
  if (resolvedAt) return h("span", { class: "muted" }, "Resolved ", h(Ago, { at: resolvedAt }));
  if (acknowledgedAt) return h("span", { class: "muted one-line", title: acknowledgedBy?.name ? `by ${acknowledgedBy.name}` : undefined }, "Acknowledged");
  return h("span", { class: onacknowledge ? "unseen can" : "unseen" },
    h("span", { class: "unseen-word" }, "Not acknowledged"),
    onacknowledge && h("button", { class: "button small", "aria-label": `Acknowledge ${title}`, onclick: () => onacknowledge(incident) }, "Acknowledge"));
}
