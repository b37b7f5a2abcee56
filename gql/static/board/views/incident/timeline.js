// All that happened, newest first or oldest first, of all kinds or of some, with a line between days.

import { keep, kept } from "../../lib/local.js";
import { day } from "../../lib/time.js";
import { Component, h } from "../../lib/view.js";
import { Row } from "./entries.js";
import { PAGE } from "./feed.js";
import { byDay, rowsOf } from "./rows.js";
import { KINDS } from "./words.js";

const ORDER = "timeline-order";

/** The timeline of a feed; `items` and `names` say whether it has to be rendered again. `children` stand before it. */
export class Timeline extends Component {
  constructor(props) {
    super(props);
    this.isOldestFirst = kept(ORDER, "") === "oldest";
    this.kinds = [];
  }

  turn() {
    this.isOldestFirst = !this.isOldestFirst;
    keep(ORDER, this.isOldestFirst ? "oldest" : "");
    this.update();
  }

  async choose(kinds) {
    this.kinds = kinds;
    this.update();
    await this.props.feed.choose(kinds);
  }

  async more() {
    this.isLoading = true;
    this.update();
    await this.props.feed.more(PAGE);
    this.isLoading = false;
    this.update();
  }

  /** The rows, the same objects where nothing changed, so that they are not rendered again. */
  rows(items) {
    if (this.of !== items) {
      const before = new Map((this.known ?? []).map((row) => [row.key, row]));
      this.of = items;
      this.known = rowsOf(items).map((row) => {
        const old = before.get(row.key);
        return old && JSON.stringify(old) === JSON.stringify(row) ? old : row;
      });
    }
    return this.isOldestFirst ? this.known : [...this.known].reverse();
  }

  render({ items, feed, mayWrite, named, waiting }) {
    const rows = this.rows(items);
    const earlier = feed.earlier > 0 && h("p", { class: "earlier" },
      h("button", { class: "button", disabled: this.isLoading, onclick: () => this.more() }, `Show earlier (${feed.earlier} more)`));
    return h("section", { class: "timeline", "aria-label": "Timeline" },
      this.renderTools(),
      this.isOldestFirst && earlier,
      !this.isOldestFirst && waiting,
      rows.length === 0 && h("p", { class: "muted nothing" }, this.kinds.length ? "Nothing of these kinds has happened." : "Nothing has happened that you may read."),
      byDay(rows).map(({ name, at, rows: ofDay }) =>
        h("div", { key: `day ${name}`, class: "day" },
          h("h2", { class: "day-name" }, h("span", {}, day(at))),
          h("ol", { class: "entries", reversed: this.isOldestFirst ? undefined : true }, ofDay.map((row) => h(Row, { key: row.key, row, feed, names: named, mayWrite }))))),
      this.isOldestFirst ? waiting : earlier);
  }

  renderTools() {
    const { kinds } = this;
    return h("div", { class: "timeline-tools no-print" },
      h("details", { class: "drop" },
        h("summary", { class: "button quiet small" }, kinds.length ? `Only ${kinds.map((kind) => KINDS[kind].toLowerCase()).join(", ")}` : "All kinds"),
        h("div", { class: "drop-body" },
          Object.entries(KINDS).map(([kind, word]) =>
            h("label", { key: kind, class: "choice" },
              h("input", { type: "checkbox", checked: kinds.includes(kind), onchange: ({ target }) => this.choose(target.checked ? [...kinds, kind] : kinds.filter((each) => each !== kind)) }), word)),
          kinds.length > 0 && h("button", { class: "button quiet small", onclick: () => this.choose([]) }, "Show all"))),
      h("button", { class: "button quiet small", "aria-pressed": this.isOldestFirst ? "true" : "false", onclick: () => this.turn() }, this.isOldestFirst ? "Oldest first" : "Newest first"));
  }
}
