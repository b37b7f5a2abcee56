// How a system was: a bar a day, and the last hours as they went.

import { documents } from "../../documents.js";
import { whileSeen } from "../../lib/every.js";
import { clock } from "../../lib/time.js";
import { Component, h } from "../../lib/view.js";
import { Bones } from "../../parts/states.js";
import { onReturn } from "../../state/live.js";
import { session } from "../../state/session.js";
import { Band } from "./band.js";
import { lately, ofHours, ofPoints } from "./pieces.js";
import { percent, uptimeOf } from "./uptime.js";

const HOUR_MILLIS = 3_600_000;
const SPANS = { 24: "24 hours", 168: "7 days" };
/** The past is asked for at most so often, however often its health changes. */
const PAUSE_MILLIS = 3_000;
/** Time passes also where nothing happens. */
const AGAIN_SECONDS = 60;

/** Both bands with their tables; `points` are the days once they are known, `sign` another text after each change. */
export class History extends Component {
  hours = 24;

  mounted() {
    this.fetch();
    this.ends = [whileSeen(AGAIN_SECONDS, () => this.fetch()), onReturn(() => this.wrong && this.fetch())];
  }

  removed() {
    for (const end of this.ends) end();
    clearTimeout(this.soon);
  }

  async fetch() {
    clearTimeout(this.soon);
    this.soon = undefined;
    const { name } = this.props;
    const { hours } = this;
    const from = new Date(Date.now() - hours * HOUR_MILLIS).toISOString();
    const variables = { key: name, from };
    let pieces;
    try {
      const { system } = await session.client.query(documents.SystemPeriods, variables);
      pieces = system && lately(system.healthHistory, from);
    } catch (error) {
      pieces = error.code === "BAD_USER_INPUT" ? await this.fetchHours(variables) : this.failed(error);
    }
    if (this.gone || hours !== this.hours || !pieces) return;
    Object.assign(this, { pieces, from, wrong: undefined });
    this.update();
  }

  /** What changed more often than can be shown is shown by the hour. */
  async fetchHours(variables) {
    try {
      const { system } = await session.client.query(documents.SystemHours, variables);
      return system && ofHours(system.uptime);
    } catch (error) {
      return this.failed(error);
    }
  }

  failed(error) {
    this.wrong = error.message;
    this.update();
  }

  choose(hours) {
    this.hours = hours;
    this.update();
    this.fetch();
  }

  render({ days, points, error, sign }) {
    if (this.sign !== undefined && this.sign !== sign) this.soon ??= setTimeout(() => this.fetch(), PAUSE_MILLIS / 6);
    this.sign = sign;
    return h("div", { class: "system-history" },
      h("section", { "aria-labelledby": "uptime-title" },
        h("h2", { id: "uptime-title" }, "Uptime"),
        points ? h(Days, { points, days }) : error ? h("p", { class: "notice critical", role: "alert" }, error.message) : h(Bones, { rows: 2 })),
      h("section", { "aria-labelledby": "lately-title" },
        h("div", { class: "band-head" },
          h("h2", { id: "lately-title" }, "Lately"),
          h("div", { class: "switch", role: "group", "aria-label": "How far back" }, Object.entries(SPANS).map(([hours, words]) =>
            h("button", { key: hours, class: "button quiet small", "aria-pressed": String(this.hours === Number(hours)), onclick: () => this.choose(Number(hours)) }, words)))),
        this.wrong && h("p", { class: "notice critical", role: "alert" }, this.wrong),
        this.pieces ? [
          h(Band, { key: "band", pieces: this.pieces, title: `Health in the last ${SPANS[this.hours]}`, ends: [this.hours === 24 ? clock(this.from) : "7 days ago", "now"], said: summary(this.pieces) }),
          h(Table, { key: "table", pieces: [...this.pieces].reverse(), title: "As a table" }),
        ] : !this.wrong && h(Bones, { rows: 2 })));
  }
}

function Days({ points, days }) {
  const shares = [[90, points], [30, points.slice(-30)], [7, points.slice(-7)]].filter(([number]) => number <= days);
  const pieces = ofPoints(points);
  return h("div", {},
    h("dl", { class: "figures" }, shares.map(([number, some]) => {
      const share = uptimeOf(some);
      return h("div", { key: number }, h("dt", { class: "muted small" }, `${number} days`), h("dd", { class: "figure digits" }, share === undefined ? "No data" : percent(share)));
    })),
    h(Band, { pieces, title: `Each of the last ${days} days`, ends: [`${days} days ago`, "today"], said: "Point at a day to read it. Days are those of UTC; degraded counts as up." }),
    h(Table, { pieces: [...pieces].reverse(), title: "As a table" }));
}

/** The same in rows, for everybody who would rather read. Rendered once it is opened. */
class Table extends Component {
  render({ pieces, title }) {
    return h("details", { class: "as-table", ontoggle: (event) => ((this.isOpen = event.target.open), this.update()) },
      h("summary", { class: "small muted" }, title),
      this.isOpen && h("table", {},
        h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "When"), h("th", { scope: "col" }, "Health"))),
        h("tbody", {}, pieces.map(({ when, state }, nth) => h("tr", { key: nth }, h("td", { class: "digits" }, when), h("td", {}, state))))));
  }
}

function summary(pieces) {
  const bad = pieces.filter(({ kind }) => kind === "degraded" || kind === "unhealthy");
  return bad.length ? `${bad.length} ${bad.length === 1 ? "time" : "times"} not healthy. Point at one to read it.` : "Nothing happened.";
}
