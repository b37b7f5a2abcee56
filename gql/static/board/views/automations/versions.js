// The versions of a definition: who saved each, and what changed by it.

import { documents } from "../../documents.js";
import { Component, h } from "../../lib/view.js";
import { Bones } from "../../parts/states.js";
import { Ago } from "../../parts/time.js";
import { session } from "../../state/session.js";
import { difference, folded } from "./diff.js";

/** The list, newest first; `id` is the automation's, `version` its present one. */
export class Versions extends Component {
  nodes = [];

  mounted() {
    this.fetch();
  }

  async fetch(after) {
    this.version = this.props.version;
    try {
      const { automation } = await session.client.query(documents.AutomationVersions, { id: this.props.id, after });
      if (automation) Object.assign(this, { nodes: after ? [...this.nodes, ...automation.versions.nodes] : automation.versions.nodes, info: automation.versions.pageInfo, wrong: undefined });
    } catch (error) {
      this.wrong = error.message;
    }
    this.update();
  }

  render({ version }) {
    if (this.version !== undefined && this.version !== version) queueMicrotask(() => this.fetch());
    if (this.wrong) return h("p", { class: "notice critical", role: "alert" }, this.wrong);
    if (!this.info) return h(Bones, { rows: 3 });
    return h("div", {},
      h("ol", { class: "rows automation-versions" }, this.nodes.map((node, nth) => h(Version, { key: node.id, node, before: this.nodes[nth + 1] }))),
      this.info.hasNextPage && h("button", { class: "button", onclick: () => this.fetch(this.info.endCursor) }, "Show older ones"));
  }
}

function Version({ node, before }) {
  const { number, createdAt, createdBy } = node;
  return h("li", {}, h("details", { open: false },
    h("summary", {}, h("span", { class: "strong" }, `Version ${number}`), h("span", { class: "muted small" }, h(Ago, { at: createdAt }), " by ", h("bdi", {}, createdBy.name ?? createdBy.type.toLowerCase()))),
    number === 1 ? h("pre", { tabindex: "0", role: "group", "aria-label": "The first version" }, node.yaml)
      : before ? h(Changes, { before: before.yaml, after: node.yaml }) : h("p", { class: "muted" }, "Show older ones to see what changed.")));
}

/** Two texts as one, with what was added and removed. */
export function Changes({ before, after }) {
  const lines = folded(difference(before, after));
  return h("pre", { class: "diff", tabindex: "0", role: "group", "aria-label": "What changed" }, lines.map((line, nth) =>
    h("div", { key: nth, class: line.kind }, line.kind === "gap" ? `… ${line.count} lines …` : [h("span", { class: "visually-hidden" }, WORDS[line.kind]), SIGNS[line.kind], line.text])));
}

const SIGNS = { same: "  ", added: "+ ", removed: "- " };
const WORDS = { same: "", added: "Added: ", removed: "Removed: " };
