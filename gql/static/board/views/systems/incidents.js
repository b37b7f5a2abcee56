// The incidents of a system: open ones as they are, past ones by pages.

import documents from "../../documents.js";
import { Component, h } from "../../lib/view.js";
import { to } from "../../lib/router.js";
import { Severity, STATUSES } from "../../parts/marks.js";
import { Bones } from "../../parts/states.js";
import { Ago, Lasted } from "../../parts/time.js";
import { session } from "../../state/session.js";

const PAGE = 10;

/** Both lists; `sign` is another text whenever an incident may have been resolved. */
export class Incidents extends Component {
  past = [];

  mounted() {
    this.fetch(PAGE);
  }

  async fetch(count, after) {
    this.isBusy = true;
    try {
      const { system } = await session.client.query(documents.SystemPastIncidents, { key: this.props.name, first: Math.min(count, 100), after });
      if (this.gone || !system) return;
      const { nodes, pageInfo, totalCount } = system.incidents;
      Object.assign(this, { past: after ? [...this.past, ...nodes] : nodes, info: pageInfo, totalCount, wrong: undefined });
    } catch (error) {
      this.wrong = error.message;
    }
    this.isBusy = false;
    this.update();
  }

  render({ open, count, isKnown, sign }) {
    if (this.sign !== undefined && this.sign !== sign) queueMicrotask(() => this.fetch(Math.max(PAGE, this.past.length)));
    this.sign = sign;
    return h("div", { class: "system-incidents" },
      h("section", { "aria-labelledby": "open-incidents" },
        h("h2", { id: "open-incidents" }, "Open incidents"),
        open.length ? h("ol", { class: "rows" }, open.map((incident) => h(Row, { key: incident.id, incident })))
          : isKnown ? h("p", { class: "muted" }, "None.") : h(Bones, { rows: 1 }),
        count > open.length && h("p", {}, h("a", { href: to(`?system=${encodeURIComponent(this.props.name)}`) }, `All ${count}`))),
      h("section", { "aria-labelledby": "past-incidents" },
        h("h2", { id: "past-incidents" }, "Past incidents"),
        this.past.length ? h("ol", { class: "rows" }, this.past.map((incident) => h(Row, { key: incident.id, incident })))
          : this.info ? h("p", { class: "muted" }, "None yet.") : !this.wrong && h(Bones, { rows: 2 }),
        this.wrong && h("p", { class: "notice critical", role: "alert" }, this.wrong, h("button", { class: "button small", onclick: () => this.fetch(PAGE) }, "Try again")),
        this.info?.hasNextPage && h("button", { class: "button small", disabled: this.isBusy, onclick: () => this.fetch(PAGE * 2, this.info.endCursor) }, `Show more: ${this.totalCount - this.past.length} left`)));
  }
}

function Row({ incident }) {
  const { reference, title, severity, status, occurredAt, resolvedAt } = incident;
  return h("li", { class: "plain-row" },
    h(Severity, { severity, short: true }),
    h("a", { class: "one-line", href: to(`incidents/${reference}`) }, h("bdi", {}, title)),
    h("span", { class: "muted small" }, resolvedAt ? [h(Ago, { at: occurredAt }), ", took ", h(Lasted, { from: occurredAt, to: resolvedAt })] : [STATUSES[status], ", ", h(Lasted, { from: occurredAt })]));
}
