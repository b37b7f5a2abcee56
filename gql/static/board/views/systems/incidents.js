// The incidents of a system: open ones, and past ones a few at a time.

import { documents } from "../../documents.js";
import { Component, h } from "../../lib/view.js";
import { to } from "../../lib/router.js";
import { Severity, STATUSES } from "../../parts/marks.js";
import { Bones } from "../../parts/states.js";
import { Ago, Lasted } from "../../parts/time.js";
import { session } from "../../state/session.js";

const PAGE = 10;
/** As many as a live list has; older ones are as they were when they were asked for. */
const MOST = 100;

/** Returns the live list of the past incidents of a system's page, and what asks for more of them. */
export function followPast(page, key) {
  page.pastCount ??= PAGE;
  const live = page.follow("past", documents.PastIncidents, { key, first: page.pastCount }, { list: true });
  // The same function each time, so that the lists are not rendered again in vain.
  page.morePast ??= () => {
    page.pastCount = Math.min(MOST, page.pastCount + 2 * PAGE);
    page.update();
  };
  return { past: live.items, pastTotal: live.totalCount, isPastKnown: live.loaded || live.items.length > 0, more: page.morePast };
}

/** Both lists. Props: `name`, `open` with `count` and `isKnown`, and what `followPast` returns. */
export class Incidents extends Component {
  older = [];

  async fetch() {
    this.isBusy = true;
    this.update();
    const { name, past } = this.props;
    const last = this.older.at(-1) ?? past.at(-1);
    try {
      const { incidents } = await session.client.query(documents.OlderIncidents, { key: name, number: last.number, first: MOST });
      Object.assign(this, { older: [...this.older, ...incidents.nodes], wrong: undefined });
    } catch (error) {
      this.wrong = error.message;
    }
    this.isBusy = false;
    this.update();
  }

  render({ open, count, isKnown, past, pastTotal, isPastKnown, more }) {
    const known = new Set(past.map(({ id }) => id));
    const all = [...past, ...this.older.filter(({ id }) => !known.has(id))];
    const left = pastTotal - all.length;
    return h("div", { class: "system-incidents" },
      h("section", { "aria-labelledby": "open-incidents" },
        h("h2", { id: "open-incidents" }, "Open incidents"),
        open.length ? h("ol", { class: "rows" }, open.map((incident) => h(Row, { key: incident.id, incident })))
          : isKnown ? h("p", { class: "muted" }, "None.") : h(Bones, { rows: 1 }),
        count > open.length && h("p", {}, h("a", { href: to(`?system=${encodeURIComponent(this.props.name)}`) }, `All ${count}`))),
      h("section", { "aria-labelledby": "past-incidents" },
        h("h2", { id: "past-incidents" }, "Past incidents"),
        all.length ? h("ol", { class: "rows" }, all.map((incident) => h(Row, { key: incident.id, incident })))
          : isPastKnown ? h("p", { class: "muted" }, "None yet.") : h(Bones, { rows: 2 }),
        this.wrong && h("p", { class: "notice critical", role: "alert" }, this.wrong),
        all.length > 0 && left > 0 && h("button", { class: "button small", disabled: this.isBusy, onclick: () => (past.length < MOST ? more() : this.fetch()) }, `Show more: ${left} left`)));
  }
}

function Row({ incident }) {
  const { reference, title, severity, status, occurredAt, resolvedAt } = incident;
  return h("li", { class: "plain-row" },
    h(Severity, { severity, short: true }),
    h("a", { class: "one-line", href: to(`incidents/${reference}`) }, h("bdi", {}, title)),
    h("span", { class: "muted small" }, resolvedAt ? [h(Ago, { at: occurredAt }), ", took ", h(Lasted, { from: occurredAt, to: resolvedAt })] : [STATUSES[status], ", ", h(Lasted, { from: occurredAt })]));
}
