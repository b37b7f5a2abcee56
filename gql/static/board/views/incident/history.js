// All changes of status, severity and systems with their values before and after.

import { documents } from "../../documents.js";
import { clock, date, exact } from "../../lib/time.js";
import { Component, h } from "../../lib/view.js";
import { SEVERITIES, STATUSES } from "../../parts/marks.js";
import { Bones, Failure } from "../../parts/states.js";
import { Table } from "../../parts/table.js";
import { session } from "../../state/session.js";
import { PAGE } from "./feed.js";
import { listed, nameOf } from "./words.js";

const FIELDS = { status: "Status", severity: "Severity", systemIds: "Systems" };

/** Props: `incident`, whose version says when to ask again, `feed`, and `named`. */
export class History extends Component {
  count = PAGE;

  mounted() {
    this.ask();
  }

  removed() {
    this.isGone = true;
  }

  async ask() {
    const { feed } = this.props;
    this.version = feed.incident.version;
    try {
      const pages = [];
      for (let before, left = this.count; left > 0; left -= 100) {
        const { incident } = await session.client.query(documents.IncidentHistory, { id: feed.incident.id, last: Math.min(100, left), before });
        if (!incident) break;
        pages.unshift(...incident.history.nodes);
        this.totalCount = incident.history.totalCount;
        before = incident.history.pageInfo.startCursor;
        if (!incident.history.pageInfo.hasPreviousPage) break;
      }
      this.items = pages;
      this.error = undefined;
      feed.learn(pages.flatMap(({ changeId, fromSystemIds, toSystemIds }) => [changeId, ...(fromSystemIds ?? []), ...(toSystemIds ?? [])]));
    } catch (error) {
      this.error = error;
    }
    if (!this.isGone) this.update();
  }

  render({ feed }) {
    if (this.version !== undefined && this.version !== feed.incident.version) this.ask();
    if (this.error && !this.items) return h(Failure, { reason: this.error });
    if (!this.items) return h(Bones);
    return h("section", { class: "changes-table", "aria-label": "Changes" },
      h(Table, { label: "Changes", columns: columnsOf(feed), rows: [...this.items].reverse() }),
      this.totalCount > this.items.length && h("p", { class: "earlier" }, h("button", { class: "button", onclick: () => { this.count += PAGE; this.ask(); } }, `Show earlier (${this.totalCount - this.items.length} more)`)));
  }
}

function columnsOf(feed) {
  return [
    { name: "when", label: "When", cell: ({ occurredAt }) => h("time", { datetime: occurredAt, title: exact(occurredAt) }, momentOf(occurredAt)) },
    { name: "what", label: "What", cell: ({ field }) => FIELDS[field] ?? field },
    { name: "before", label: "From", kind: "text", cell: (item) => h("span", { class: "muted", dir: "auto" }, valueOf(item, "fromStatus", "fromSeverity", "fromSystemIds", feed) ?? "–") },
    { name: "after", label: "To", kind: "text", cell: (item) => h("span", { dir: "auto" }, valueOf(item, "toStatus", "toSeverity", "toSystemIds", feed) ?? "–") },
    { name: "by", label: "By", kind: "text", cell: ({ changeId }) => feed.names.has(changeId) && h("span", { class: "muted", dir: "auto" }, nameOf(feed.names.get(changeId))) },
  ];
}

function momentOf(at) {
  return date(at).includes(clock(at)) ? date(at) : `${date(at)}, ${clock(at)}`;
}

function valueOf(item, status, severity, systems, feed) {
  return STATUSES[item[status]] ?? SEVERITIES[item[severity]] ?? (item[systems] && listed(item[systems].map(feed.systemName)));
}
