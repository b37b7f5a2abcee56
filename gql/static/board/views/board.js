// The first page: how things are in a sentence, all open incidents, the systems, and what happens.

import { documents } from "../documents.js";
import { Page } from "../lib/page.js";
import { go, setParameters, to } from "../lib/router.js";
import { entitle } from "../lib/title.js";
import { h } from "../lib/view.js";
import { openSignIn } from "../parts/account.js";
import { Icon } from "../parts/icons.js";
import { Bones, Empty, Failure } from "../parts/states.js";
import { say } from "../parts/toasts.js";
import { acknowledge } from "../state/incidents.js";
import { Maintained } from "../state/maintained.js";
import { Pieces } from "../state/pieces.js";
import { may, onSession, session } from "../state/session.js";
import { Systems, followSystems, withNames } from "./board/around.js";
import { Filters, NAMES, choiceFrom, countOf, filterOf } from "./board/filters.js";
import { ResolveDialog } from "./board/resolve.js";
import { Groups } from "./board/rows.js";
import { Timeline } from "./board/timeline.js";
import { sentence, several } from "./board/words.js";

/** The board. */
export class Board extends Page {
  pieces = new Pieces(this, documents.Incidents);
  now = Date.now();

  get shortcuts() {
    return [
      { keys: ["n"], does: "Report an incident", run: () => this.report() },
      { keys: ["/"], does: "Search", run: () => document.getElementById("board-search")?.select() },
      { keys: ["j"], does: "Next incident", run: () => this.step(1) },
      { keys: ["k"], does: "Previous incident", run: () => this.step(-1) },
      { keys: ["Enter"], does: "Open the incident", run: () => this.withChosen(({ reference }) => go(to(`incidents/${reference}`))) },
      { keys: ["a"], does: "Acknowledge the incident", run: () => this.withChosen((incident) => this.acknowledge(incident), "RESPONDER") },
      { keys: ["u"], does: "Write an update", run: () => this.withChosen(({ reference }) => go(to(`incidents/${reference}?update`)), "RESPONDER") },
      { keys: ["r"], does: "Resolve the incident", run: () => this.withChosen((incident) => this.resolve(incident), "RESPONDER") },
    ];
  }

  shown() {
    this.maintained = new Maintained(() => this.update());
    if (!new URLSearchParams(location.search).has("report")) return;
    // Who may report is known once the session is.
    if (session.loaded) this.report();
    else {
      this.end = onSession(() => {
        this.end();
        this.report();
      });
    }
  }

  left() {
    this.maintained?.stop();
    this.end?.();
    entitle();
  }

  // ------------------------------------------------------------------------------------------------- choosing a row

  get titles() {
    return [...this.dom.querySelectorAll(".incident-title")];
  }

  /** Moves the focus to the next row, or to where the last one was that is gone. */
  step(by) {
    const { titles } = this;
    if (!titles.length) return;
    const at = titles.findIndex((title) => title.closest(".open-row").contains(document.activeElement));
    const next = at < 0 ? Math.min(this.at ?? 0, titles.length - 1) : Math.min(Math.max(at + by, 0), titles.length - 1);
    this.at = next;
    titles[next].focus();
  }

  /** Does something with the incident whose row has the focus; to those who may not, it says so. */
  withChosen(act, role = "ANONYMOUS") {
    const id = document.activeElement?.closest?.(".open-row")?.dataset.id;
    const incident = id && this.list.items.find((other) => other.id === id);
    if (!incident) return false;
    if (may(role)) return act(incident);
    return this.refuse();
  }

  refuse() {
    if (may("VIEWER")) say("Only responders may do this.", { bad: true });
    else openSignIn();
  }

  acknowledge = (incident) => {
    if (incident.acknowledgedAt || incident.resolvedAt) return;
    acknowledge(incident).catch(({ message }) => say(`${incident.reference} is not acknowledged. ${message}`, { bad: true }));
  };

  resolve(incident) {
    if (incident.resolvedAt) return;
    this.resolving = incident;
    this.update();
  }

  // ------------------------------------------------------------------------------------------------------ reporting

  async report() {
    if (!may("RESPONDER")) return this.refuse();
    try {
      const { Report } = await import("./report.js");
      this.Report = Report;
      this.isReporting = true;
    } catch {
      say("The form could not be loaded. Check your connection and try again.", { bad: true });
    }
    this.update();
  }

  endReport = () => {
    this.isReporting = false;
    if (new URLSearchParams(location.search).has("report")) setParameters({ report: "" });
    this.update();
  };

  // ------------------------------------------------------------------------------------------------------ rendering

  render({ parameters }) {
    const choice = choiceFrom(parameters);
    const isFiltered = countOf(choice) > 0;
    this.list = this.pieces.read(filterOf(choice, this.now), choice.days ? "resolved" : "worst");
    const systems = followSystems(this, this.maintained);
    if (systems.loaded) this.list.items = withNames(this, this.list.items, systems.names);
    if (this.list.error && !this.list.items.length) return h(Failure, { reason: this.list.error });
    const counts = this.counts(isFiltered || choice.days > 0);
    const isKnown = counts !== undefined && systems.loaded;
    const line = isKnown && this.sentence(counts, isFiltered || choice.days > 0, systems);
    entitle(isKnown ? titleOf(counts) : undefined);
    return h("div", { class: "board" },
      h("header", { class: "board-head" },
        h("h1", { "aria-live": "polite" }, line || h("span", { class: "bone headline", "aria-label": "Loading" })),
        h("div", { class: "board-actions" },
          h("a", { class: "button quiet", href: to("wall"), title: "For a screen on the wall" }, h(Icon, { name: "wall" }), "Wall"),
          h("button", { class: "button first", "aria-haspopup": "dialog", onclick: () => this.report() }, h(Icon, { name: "plus" }), h("span", {}, "Report", h("span", { class: "wide-only" }, " an incident"))))),
      h("div", { class: "board-columns" },
        h("div", { class: "board-main" }, h(Filters, { choice }), this.incidents(choice, isFiltered, counts)),
        h("aside", { class: "board-aside", "aria-label": "Systems and latest changes" },
          systems.loaded ? h(Systems, { systems }) : h(Bones, { rows: 4 }), h(Timeline))),
      this.isReporting && h(this.Report, { onclose: this.endReport }),
      this.resolving && h(ResolveDialog, { incident: this.resolving, onclose: () => this.endResolve() }));
  }

  endResolve() {
    this.resolving = undefined;
    this.update();
  }

  incidents(choice, isFiltered, counts) {
    const { items, totalCount, loaded, hasMore } = this.list;
    if (!items.length && !loaded) return h(Bones, { rows: 8 });
    if (!items.length) return isFiltered || choice.days ? nothing(choice, isFiltered) : h(Empty, { title: "Nothing is open" }, h("p", {}, "Incidents appear here as soon as somebody or something reports one."));
    return h("div", { class: loaded ? undefined : "is-stale", "aria-busy": loaded ? undefined : "true" },
      (isFiltered || choice.days > 0) && h("p", { class: "note" }, `${several(totalCount, "incident")}${isFiltered ? " match." : "."}`),
      h(Groups, { items: [...items], counts: isFiltered ? undefined : counts, isResolved: choice.days > 0, onacknowledge: may("RESPONDER") ? this.acknowledge : undefined }),
      hasMore && h("div", { class: "more" }, h("button", { class: "button", onclick: () => this.pieces.more() }, `Show more of ${totalCount.toLocaleString("en")}`)));
  }

  /** The number of open incidents by severity, whatever is shown; of what is loaded where that is all. */
  counts(isPartial) {
    const { items, totalCount, loaded } = this.list;
    if (!isPartial && loaded && totalCount === items.length) {
      this.unfollow("counts");
      return countsOf(items.map(({ severity }) => ({ severity, count: 1 })));
    }
    const { data } = this.follow("counts", documents.IncidentCounts, { filter: { open: true }, groupBy: ["SEVERITY"] });
    return data && countsOf(data.incidentCounts);
  }

  sentence(counts, isPartial, { sickCount }) {
    const { items } = this.list;
    const worst = isPartial ? [] : items.filter(({ severity }) => severity === items[0]?.severity);
    return sentence(counts, { worst, sick: sickCount });
  }
}

function countsOf(groups) {
  const counts = {};
  for (const { severity, count } of groups) counts[severity] = (counts[severity] ?? 0) + count;
  return counts;
}

function titleOf({ CRITICAL = 0, MAJOR = 0, MINOR = 0 }) {
  const total = CRITICAL + MAJOR + MINOR;
  if (!total) return "All clear";
  return CRITICAL ? `${total} open, ${CRITICAL} critical` : `${total} open`;
}

function nothing(choice, isFiltered) {
  return h(Empty, { title: isFiltered ? "No incident matches" : "Nothing was resolved in this time" },
    isFiltered && h("button", { class: "button", onclick: () => setParameters(Object.fromEntries(NAMES.map((name) => [name, ""]))) }, "Clear the filters"));
}
