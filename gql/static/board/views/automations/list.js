// All automations by their groups: whether they are on, and how they ran last.

import { documents } from "../../documents.js";
import { Page } from "../../lib/page.js";
import { go, to } from "../../lib/router.js";
import { entitle } from "../../lib/title.js";
import { h } from "../../lib/view.js";
import { Bones, Empty, Failure } from "../../parts/states.js";
import { Ago } from "../../parts/time.js";
import { say } from "../../parts/toasts.js";
import { POLLED } from "../../state/asked.js";
import { may, session } from "../../state/session.js";
import { moveFocus } from "../moving.js";
import { Install } from "./install.js";
import { Switch } from "./switch.js";
import { RunMark } from "./states.js";

const DAY_MILLIS = 86_400_000;
/** Beyond this many runs a day nobody counts. */
const MOST_PAGES = 5;
const LINKS = ".automation-row a.automation-name";

/** The list, live by the runs; automations themselves have no events, so that they are asked for again and again. */
export class Automations extends Page {
  /** The runs of a day by their ids, and the last run of each automation. */
  recent = new Map();
  last = new Map();
  switched = new Map();
  /** The automations behind the first hundred, as far as somebody asked for them. */
  others = [];

  get shortcuts() {
    return [
      { keys: ["j"], does: "Next automation", run: () => moveFocus(this.dom, LINKS, 1) },
      { keys: ["k"], does: "Previous automation", run: () => moveFocus(this.dom, LINKS, -1) },
      { keys: ["i"], does: "Install a ready-made automation", run: () => may("ADMIN") && this.open(true) },
      { keys: ["n"], does: "Write an automation", run: () => may("ADMIN") && go(to("automations/new")) },
    ];
  }

  open(isOpen) {
    this.isOpen = isOpen;
    this.update();
  }

  async count() {
    this.isCounted = true;
    const from = Date.now() - DAY_MILLIS;
    let after;
    try {
      for (let page = 0; page < MOST_PAGES; page += 1) {
        const { automationRuns } = await session.client.query(documents.RecentRuns, { after });
        const young = automationRuns.nodes.filter(({ createdAt }) => new Date(createdAt) > from);
        for (const run of young) this.recent.set(run.id, run);
        after = automationRuns.pageInfo.endCursor;
        if (!automationRuns.pageInfo.hasNextPage || young.length < automationRuns.nodes.length) break;
        this.isCut = page === MOST_PAGES - 1;
      }
      this.update();
    } catch {
      this.isCounted = false;
    }
  }

  take({ automationRuns: run }) {
    const from = Date.now() - DAY_MILLIS;
    for (const [id, { createdAt }] of this.recent) if (new Date(createdAt) < from) this.recent.delete(id);
    this.recent.set(run.id, run);
    const last = this.last.get(run.automationId);
    if (!last || last.createdAt <= run.createdAt) this.last.set(run.automationId, run);
    if (!this.nodes.some(({ id }) => id === run.automationId)) this.list.again();
  }

  async turn(id, enabled) {
    this.switched.set(id, enabled);
    this.update();
    try {
      await session.client.mutate(documents.SetAutomationEnabled, { input: { id, enabled } });
      await this.list.again();
    } catch (error) {
      say(`It is still ${enabled ? "off" : "on"}. ${error.message}`, { bad: true });
    }
    this.switched.delete(id);
    this.update();
  }

  async more() {
    const { automations } = await session.client.query(documents.Automations, { first: 100, after: this.info.endCursor });
    this.others = [...this.others, ...automations.nodes];
    this.end = automations.pageInfo;
    this.update();
  }

  /** All that is known of the list. */
  get nodes() {
    const { nodes } = this.list.data.automations;
    const known = new Set(nodes.map(({ id }) => id));
    return [...nodes, ...this.others.filter(({ id }) => !known.has(id))];
  }

  get info() {
    return this.end ?? this.list.data.automations.pageInfo;
  }

  render() {
    this.list = this.ask("list", documents.Automations, { first: 100 }, POLLED);
    entitle("Automations");
    if (this.list.error && !this.list.data) return h("div", {}, h("h1", { class: "visually-hidden" }, "Automations"), h(Failure, { reason: this.list.error }));
    if (!this.list.loaded) return h("div", {}, h("h1", {}, "Automations"), h(Bones, { rows: 6 }));
    this.follow("runs", documents.RunsLive, {}, { next: (data) => this.take(data) });
    if (!this.isCounted) this.count();
    const { totalCount } = this.list.data.automations;
    const { nodes, info } = this;
    return h("div", { class: "automations" },
      h("div", { class: "page-head" },
        h("h1", {}, sentence(nodes, totalCount)),
        may("ADMIN") && h("div", { class: "page-tools" },
          h("a", { class: "button", href: to("automations/new") }, "Write one"),
          h("button", { class: "button first", onclick: () => this.open(true) }, "Install a ready-made one"))),
      nodes.length ? this.renderGroups(nodes) : this.renderEmpty(),
      info.hasNextPage && h("button", { class: "button", onclick: () => this.more() }, `Show more: ${totalCount - nodes.length} left`),
      this.isOpen && h(Install, { onclose: () => this.open(false), installed: ({ id }) => go(to(`automations/${id}`)) }));
  }

  renderGroups(nodes) {
    const counts = new Map();
    const from = Date.now() - DAY_MILLIS;
    for (const { automationId, createdAt } of this.recent.values()) if (new Date(createdAt) > from) counts.set(automationId, (counts.get(automationId) ?? 0) + 1);
    const groups = Map.groupBy ? Map.groupBy(nodes, ({ group }) => group ?? "") : grouped(nodes);
    const names = [...groups.keys()].sort((a, b) => (a === "") - (b === "") || a.localeCompare(b));
    return h("div", { class: "system-groups" }, names.map((name) => h("section", { key: name, "aria-label": name || "Without a group" },
      (name || names.length > 1) && h("h2", {}, h("bdi", {}, name || "Without a group")),
      h("ol", { class: "rows automation-rows" }, groups.get(name).map((automation) => h(Row, {
        key: automation.id, automation, enabled: this.switched.get(automation.id) ?? automation.enabled, run: newer(this.last.get(automation.id), automation.runs.nodes[0]),
        count: counts.get(automation.id) ?? 0, isCut: this.isCut, turn: this.turnOne ??= (id, enabled) => this.turn(id, enabled),
      }))))));
  }

  renderEmpty() {
    return h(Empty, { title: "There are no automations yet" },
      h("p", {}, "An automation opens, changes and resolves incidents by itself, or tells people: when something happens, or by the clock."),
      may("ADMIN") ? h("button", { class: "button first", onclick: () => this.open(true) }, "Install a ready-made one") : h("p", {}, "An admin writes them."));
  }
}

function grouped(nodes) {
  const groups = new Map();
  for (const node of nodes) groups.set(node.group ?? "", [...(groups.get(node.group ?? "") ?? []), node]);
  return groups;
}

const newer = (a, b) => (a && b ? (a.createdAt >= b.createdAt ? a : b) : (a ?? b));

function sentence(nodes, total) {
  if (!total) return "Automations";
  const off = nodes.filter(({ enabled }) => !enabled).length;
  return `${total} ${total === 1 ? "automation" : "automations"}${off ? `, ${off} switched off` : ""}`;
}

function Row({ automation, enabled, run, count, isCut, turn }) {
  const { id, name, description } = automation;
  return h("li", { class: "automation-row" },
    h(Switch, { isOn: enabled, label: `${name}: switched on`, isDisabled: !may("ADMIN"), turn: (isOn) => turn(id, isOn) }),
    h("span", { class: "automation-title" },
      h("a", { class: "automation-name", href: to(`automations/${id}`) }, h("bdi", {}, name)),
      description && h("bdi", { class: "muted small one-line" }, description)),
    h("span", { class: "automation-last small" }, run ? h("a", { href: to(`automations/runs/${run.id}`) }, h(RunMark, { status: run.status }), " ", h(Ago, { at: run.createdAt })) : h("span", { class: "muted" }, "Never ran")),
    h("span", { class: "automation-count small muted digits" }, `${isCut ? "at least " : ""}${count} ${count === 1 ? "run" : "runs"} in 24 h`));
}
