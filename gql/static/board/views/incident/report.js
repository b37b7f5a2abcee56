// The incident on paper: what it was, how long it took, and what happened, oldest first with exact times.

import { date, exact, lasted, span, ZONE } from "../../lib/time.js";
import { Component, flush, h } from "../../lib/view.js";
import { SEVERITIES, STATUSES } from "../../parts/marks.js";
import { rowsOf } from "./rows.js";
import { listed, nameOf, READERS, relationWord } from "./words.js";
import { sentence } from "./entries.js";

/** Made when the browser prints, and only then. Props: `incident`, `feed`. */
export class Report extends Component {
  mounted() {
    this.print = () => this.show(true);
    this.end = () => this.show(false);
    addEventListener("beforeprint", this.print);
    addEventListener("afterprint", this.end);
  }

  removed() {
    removeEventListener("beforeprint", this.print);
    removeEventListener("afterprint", this.end);
  }

  show(isPrinting) {
    this.isPrinting = isPrinting;
    this.update();
    // The browser takes the page as it is when this returns.
    flush();
  }

  render({ incident, feed }) {
    if (!this.isPrinting) return h("div", { class: "paper" });
    const { reference, title, severity, status, systems, lead, assignees, descriptionHtml, links, relations } = incident;
    return h("div", { class: "paper" },
      h("p", { class: "report-kicker" }, `${reference} · ${SEVERITIES[severity]} · ${STATUSES[status]}`),
      h("h1", { dir: "auto" }, title),
      h("p", {}, `On ${listed(systems.map(({ name }) => name)) || "no system"}. Times are in ${ZONE}; printed ${exact(Date.now())}.`),
      descriptionHtml && [h("h2", { class: "visually-hidden" }, "Description"), h("div", { class: "prose", dir: "auto", html: descriptionHtml })],
      h("table", { class: "report-facts" }, h("tbody", {}, factsOf(incident).map(([word, value]) => h("tr", { key: word }, h("th", { scope: "row" }, word), h("td", {}, value))),
        lead && h("tr", {}, h("th", { scope: "row" }, "Lead"), h("td", {}, nameOf(lead))),
        assignees.length > 0 && h("tr", {}, h("th", { scope: "row" }, "Assigned"), h("td", {}, listed(assignees.map(nameOf)))))),
      h("h2", {}, "What happened"),
      feed.earlier > 0 && h("p", {}, `The newest ${feed.items.length} of ${feed.totalCount} entries.`),
      h("ol", { class: "report-timeline" }, rowsOf(feed.items).map((row) => h("li", { key: row.key },
        h("time", { datetime: row.at }, stamp(row.at)),
        h("div", {}, entryOf(row, feed))))),
      links.nodes.length > 0 && h("h2", {}, "Links"),
      h("ul", {}, links.nodes.map(({ id, url, label }) => h("li", { key: id, dir: "auto" }, label ? `${label}: ${url}` : url))),
      relations.nodes.length > 0 && h("h2", {}, "Related incidents"),
      h("ul", {}, relations.nodes.map((relation) => h("li", { key: relation.id }, `${relationWord(relation)} ${relation.incident ? `${relation.incident.reference} ${relation.incident.title}` : "an incident that was deleted"}`))));
  }
}

function factsOf({ occurredAt, acknowledgedAt, identifiedAt, fixingAt, monitoringAt, resolvedAt }) {
  const after = (at) => `${exact(at)} (after ${span((new Date(at) - new Date(occurredAt)) / 1000)})`;
  const moments = [["Acknowledged", acknowledgedAt], ["Identified", identifiedAt], ["Fixing", fixingAt], ["Monitoring", monitoringAt], ["Resolved", resolvedAt]];
  return [
    ["Began", exact(occurredAt)],
    ...moments.filter(([, at]) => at).map(([word, at]) => [word, after(at)]),
    [resolvedAt ? "Duration" : "Open for", lasted(occurredAt, resolvedAt)],
  ];
}

function entryOf(row, feed) {
  if (row.kind === "UPDATE") {
    const { createdBy, statusChange, messageHtml, visibility } = row.item.update;
    return h("div", {},
      h("p", { class: "report-who" }, h("bdi", {}, nameOf(createdBy)), statusChange && ` · ${STATUSES[statusChange]}`, visibility !== "PUBLIC" && ` · ${READERS[visibility][1]}`),
      h("div", { class: "prose", dir: "auto", html: messageHtml }));
  }
  if (row.kind === "STEP") {
    return h("p", {}, `${row.items[0].run?.automation?.name ?? "An automation"}: ${listed(row.items.map(({ step }) => `${step.action ?? step.kind} (${step.status.toLowerCase()})`))}`);
  }
  return h("p", {}, sentence(row, feed));
}

const seconds = new Intl.DateTimeFormat(undefined, { second: "2-digit" });
const stamp = (at) => `${date(at)}:${seconds.format(new Date(at)).padStart(2, "0")}`;
