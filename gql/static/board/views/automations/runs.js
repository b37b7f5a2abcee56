// The runs of an automation, live: newest first, by status, by pages.

import { documents } from "../../documents.js";
import { setParameters, to } from "../../lib/router.js";
import { Component, h } from "../../lib/view.js";
import { Bones } from "../../parts/states.js";
import { Ago } from "../../parts/time.js";
import { onReturn } from "../../state/live.js";
import { session } from "../../state/session.js";
import { reasonOf, RunMark, RUNS } from "./states.js";
import { aboutOf, eventWords } from "./words.js";
import { span } from "../../lib/time.js";

const PAGE = 25;

/** The list: `fresh` are the runs that came by the subscription, by their ids; `status` filters. */
export class Runs extends Component {
  runs = new Map();

  mounted() {
    this.fetch();
    this.end = onReturn(() => this.wrong && this.fetch());
  }

  removed() {
    this.end();
  }

  async fetch(after) {
    const { status, id } = this.props;
    this.status = status;
    try {
      const { automationRuns } = await session.client.query(documents.Runs, { automationId: id, statuses: status ? [status] : undefined, first: PAGE, after });
      if (status !== this.props.status || this.gone) return;
      if (!after) this.runs = new Map();
      for (const run of automationRuns.nodes) this.runs.set(run.id, run);
      Object.assign(this, { info: automationRuns.pageInfo, wrong: undefined });
    } catch (error) {
      this.wrong = error.message;
    }
    this.update();
  }

  render({ status, fresh }) {
    if (this.status !== undefined && this.status !== status) {
      this.info = undefined;
      queueMicrotask(() => this.fetch());
    }
    const all = new Map(this.runs);
    for (const run of fresh) all.set(run.id, run);
    const shown = [...all.values()].filter((run) => (status ? run.status === status : run.status !== "SKIPPED")).sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1));
    return h("section", { class: "runs", "aria-labelledby": "runs-title" },
      h("div", { class: "band-head" },
        h("h2", { id: "runs-title" }, "Runs"),
        h("select", { class: "runs-filter", "aria-label": "Runs that are shown", value: status ?? "", onchange: (event) => setParameters({ status: event.target.value }) },
          h("option", { value: "" }, "All but skipped"), Object.entries(RUNS).map(([name, word]) => h("option", { key: name, value: name, selected: name === status }, word)))),
      this.wrong && h("p", { class: "notice critical", role: "alert" }, this.wrong, h("button", { class: "button small", onclick: () => this.fetch() }, "Try again")),
      shown.length ? h("ol", { class: "rows" }, shown.map((run) => h(RunRow, { key: run.id, run })))
        : this.info ? h("p", { class: "muted" }, status ? "None with this status." : "It has not run yet.") : !this.wrong && h(Bones, { rows: 4 }),
      status === "SKIPPED" && h("p", { class: "small muted" }, "Skipped firings do not come by themselves. ", h("button", { class: "button small", onclick: () => this.fetch() }, "Look again")),
      this.info?.hasNextPage && h("button", { class: "button small", onclick: () => this.fetch(this.info.endCursor) }, "Show older ones"));
  }
}

function RunRow({ run }) {
  const reason = reasonOf(run);
  const about = aboutOf(run);
  return h("li", { class: "run-row" },
    h(RunMark, { status: run.status }),
    h("span", { class: "run-what" },
      h("a", { class: "run-link", href: to(`automations/runs/${run.id}`) }, eventWords(run.event), about && [": ", h("bdi", {}, about)]),
      reason && h("bdi", { class: "muted small run-reason" }, reason)),
    h("span", { class: "muted small run-when" }, h(Ago, { at: run.createdAt }), run.durationSeconds !== null && `, took ${took(run.durationSeconds)}`));
}

/** Returns a length of seconds, with fractions where it was short. */
export const took = (seconds) => (seconds < 10 ? `${seconds < 1 ? Math.max(1, Math.round(seconds * 1000)) + " ms" : seconds.toFixed(1) + " s"}` : span(seconds));
