// Cause and effect: which changes led to which runs of automations, and what these changed. A picture, and the same as a list.

import { documents } from "../../documents.js";
import { to } from "../../lib/router.js";
import { Component, h } from "../../lib/view.js";
import { Bones, Failure } from "../../parts/states.js";
import { Ago } from "../../parts/time.js";
import { session } from "../../state/session.js";
import { Graph } from "./graph.js";
import { laidOut } from "./layout.js";
import { eventWords, listed, nameOf } from "./words.js";

const FIELDS = { systemIds: "systems", updates: "updates", links: "links", status: "status", severity: "severity", title: "title", description: "description", occurredAt: "beginning", resolvedAt: "end", acknowledgedAt: "acknowledgement", lead: "lead", assignees: "assignees", labels: "labels", relations: "relations" };
const RUNS = { SUCCESS: "done", FAILED: "failed", RUNNING: "running", WAITING: "waiting", PENDING: "about to begin", SKIPPED: "skipped", CANCELLED: "cancelled" };

/** Props: `incident`, whose version says when to ask again, and `feed`. */
export class Causes extends Component {
  mounted() {
    this.ask();
  }

  removed() {
    this.isGone = true;
  }

  async ask() {
    const { id, version } = this.props.feed.incident;
    this.version = version;
    try {
      const { explain } = await session.client.query(documents.ExplainIncident, { id });
      this.explained = explain;
      this.error = undefined;
    } catch (error) {
      this.error = error;
    }
    if (!this.isGone) this.update();
  }

  render({ incident, feed }) {
    if (this.version !== undefined && this.version !== feed.incident.version) this.ask();
    if (this.error && !this.explained) return h(Failure, { reason: this.error });
    if (!this.explained) return h(Bones);
    const { changes, runs, edges, truncated } = this.explained;
    const nodes = [...changes.map((change) => nodeOfChange(change, incident.id)), ...runs.map(nodeOfRun)].sort((a, b) => new Date(a.at) - new Date(b.at));
    const graph = laidOut(nodes, edges);
    const rest = nodes.length - graph.levels.flat().length;
    return h("section", { class: "causes", "aria-label": "Cause and effect" },
      graph.levels.length
        ? h(Graph, { graph, nodes })
        : h("p", { class: "muted nothing" }, "No automation led to this incident, and none has followed from it."),
      rest > 0 && h("p", { class: "small muted" }, rest === 1 ? "One change stands alone: nothing led to it, and nothing followed." : `${rest} changes stand alone: nothing led to them, and nothing followed.`),
      truncated && h("p", { class: "small muted" }, "There is more than this picture holds."),
      graph.levels.length > 0 && h("details", {}, h("summary", {}, "The same as a list"), h(List, { graph, nodes })));
  }
}

function nodeOfChange({ changeId, entityId, kind, action, events, occurredAt, actor, change }, own) {
  const other = kind === "incident" && entityId !== own ? (change?.incident?.reference ?? "another incident") : undefined;
  return { id: changeId, kind: "change", at: occurredAt, title: `${other ? `${other}: ` : ""}${wordsOf(kind, action, events, change)}`, by: nameOf(actor), href: other && change?.incident && to(`incidents/${other}`) };
}

function wordsOf(kind, action, events, change) {
  if (kind !== "incident") return eventWords(events[0] ?? "") || "Health changed";
  if (action === "CREATED") return "Opened";
  if (action === "RESOLVED") return "Resolved";
  if (action === "DELETED") return "Deleted";
  return `Changed ${listed([...new Set((change?.changedFields ?? []).map((field) => FIELDS[field] ?? field))].slice(0, 3)) || "something hidden"}`;
}

function nodeOfRun({ id, status, reason, message, createdAt, automation }) {
  const why = message ?? reason?.toLowerCase().replaceAll("_", " ");
  return { id, kind: "run", at: createdAt, title: automation?.name ?? "A deleted automation", by: `${RUNS[status]}${why ? `: ${why}` : ""}`, href: to(`automations/runs/${id}`), isBad: status === "FAILED" };
}

function List({ graph, nodes }) {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  return h("ol", { class: "causes-list" }, graph.levels.flat().sort((a, b) => new Date(a.at) - new Date(b.at)).map((node) => {
    const causes = graph.edges.filter(({ target }) => target === node.id).map(({ source }) => byId.get(source).title);
    return h("li", { key: node.id }, node.href ? h("a", { href: node.href, dir: "auto" }, node.title) : h("bdi", {}, node.title), h("span", { class: "muted" }, ` (${node.by}), `, h(Ago, { at: node.at }), causes.length ? h("span", {}, "; because of ", h("bdi", {}, listed(causes))) : ""));
  }));
}
