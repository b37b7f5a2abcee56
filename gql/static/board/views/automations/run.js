// One run: its steps as they are done, why, and what came of it.

import { documents } from "../../documents.js";
import { Page } from "../../lib/page.js";
import { to } from "../../lib/router.js";
import { entitle } from "../../lib/title.js";
import { h } from "../../lib/view.js";
import { Confirm } from "../../parts/confirm.js";
import { Bones, Empty, Failure } from "../../parts/states.js";
import { Ago, Lasted } from "../../parts/time.js";
import { may, session } from "../../state/session.js";
import { took } from "./runs.js";
import { isActive, reasonOf, RunMark } from "./states.js";
import { Trace } from "./trace.js";
import { eventWords } from "./words.js";

const BEAT_MILLIS = 1_000;

/** The page of a run by its id, live while it goes on. */
export class Run extends Page {
  more = [];
  names = new Map();

  get shortcuts() {
    return [{ keys: ["c"], does: "Cancel the run", run: () => this.run && isActive(this.run) && may("ADMIN") && this.ask0(true) }];
  }

  shown() {
    // The bars of what goes on grow.
    this.beat = setInterval(() => this.run && isActive(this.run) && !document.hidden && this.update(), BEAT_MILLIS);
  }

  left() {
    clearInterval(this.beat);
  }

  ask0(isAsked) {
    this.isAsked = isAsked;
    this.update();
  }

  take({ automationRun: run }) {
    if (!run) return;
    if (this.more.length && run.steps.totalCount > run.steps.nodes.length) this.fetchSteps(this.more.length);
    const ids = [run.contextKey, run.payload?.incidentId, run.payload?.systemId, ...run.artifacts.nodes.map(({ data }) => data?.incidentId), ...run.changes.nodes.map(({ incidentId }) => incidentId)];
    const unknown = [...new Set(ids)].filter((id) => typeof id === "string" && /^(inc|sys)_/.test(id) && !this.names.has(id)).slice(0, 50);
    if (unknown.length) this.fetchNames(unknown);
  }

  async fetchNames(ids) {
    // Null while it is asked for, undefined where there is none.
    for (const id of ids) this.names.set(id, null);
    try {
      const { nodes } = await session.client.query(documents.RunNames, { ids });
      ids.forEach((id, nth) => this.names.set(id, nodes[nth]?.id ? nodes[nth] : undefined));
    } catch {
      // Without names, ids are shown.
      for (const id of ids) this.names.delete(id);
    }
    this.update();
  }

  /** Fetches the steps behind the first hundred, as many as there are shown and a page more. */
  async fetchSteps(least = 0) {
    const steps = [];
    let info = this.run.steps.pageInfo;
    do {
      const { automationRun } = await session.client.query(documents.RunSteps, { id: this.run.id, after: info.endCursor });
      if (!automationRun) return;
      steps.push(...automationRun.steps.nodes);
      info = automationRun.steps.pageInfo;
    } while (info.hasNextPage && steps.length < least);
    this.more = steps;
    this.update();
  }

  render({ id }) {
    const live = this.follow("run", documents.RunLive, { id }, { next: (data) => this.take(data) });
    const run = live.data?.automationRun;
    // Once it is over, the subscription has nothing more to say.
    const isOver = live.error?.code === "COMPLETE";
    if (live.error && !isOver && !run) return h("div", {}, h("h1", { class: "visually-hidden" }, "Run"), live.error.code === "NOT_FOUND" ? this.renderMissing() : h(Failure, { reason: live.error }));
    if (!run) return isOver || live.loaded ? this.renderMissing() : h(Bones, { rows: 8 });
    this.run = run;
    const words = eventWords(run.event);
    entitle(`${run.automation?.name ?? "Run"}: ${words}`);
    const end = run.finishedAt ?? new Date().toISOString();
    const steps = [...run.steps.nodes, ...this.more.filter(({ position }) => position > (run.steps.nodes.at(-1)?.position ?? 0))];
    return h("article", { class: "run" },
      h("nav", { class: "crumbs", "aria-label": "You are here" },
        h("a", { href: to("automations") }, "Automations"),
        run.automation ? h("a", { class: "one-line", href: to(`automations/${run.automationId}`) }, h("bdi", {}, run.automation.name)) : h("span", { class: "muted" }, "Deleted since")),
      h("div", { class: "page-head" },
        h("h1", {}, words),
        isActive(run) && may("ADMIN") && h("div", { class: "page-tools" }, h("button", { class: "button", onclick: () => this.ask0(true) }, "Cancel the run"))),
      h(Summary, { run, name: this.nameOf(run) }),
      h("h2", {}, "Steps"),
      steps.length ? h(Trace, { steps, from: run.startedAt ?? run.createdAt, to: end, definition: undefined }) : h("p", { class: "muted" }, isActive(run) ? "The first step is about to begin." : "It did not come to a step."),
      run.steps.totalCount > steps.length && h("button", { class: "button small", onclick: () => this.fetchSteps(this.more.length + 1) }, `Show more: ${run.steps.totalCount - steps.length} left`),
      this.renderEffects(run),
      h("details", { class: "payload" }, h("summary", {}, "What it was given (", h("code", {}, "trigger.payload"), ")"), h("pre", { tabindex: "0", role: "group", "aria-label": "Payload" }, JSON.stringify(run.payload, null, 2))),
      this.isAsked && h(Confirm, { title: "Cancel the run?", action: "Cancel it", onclose: () => this.ask0(false), onconfirm: () => session.client.mutate(documents.CancelAutomationRun, { input: { id: run.id } }) },
        h("p", {}, "The present step is finished, and no other follows. What it did so far stays.")));
  }

  nameOf({ contextKey, payload }) {
    return [contextKey, payload?.incidentId, payload?.systemId].map((id) => this.names.get(id)).find(Boolean);
  }

  renderMissing() {
    return h("div", {}, h("h1", { class: "visually-hidden" }, "Run"),
      h(Empty, { title: "There is no such run" }, h("p", {}, "Old runs are removed after some time."), h("a", { class: "button", href: to("automations") }, "All automations")));
  }

  renderEffects(run) {
    const changes = run.changes.nodes;
    const made = run.artifacts.nodes.filter(({ data }) => !changes.some(({ incidentId }) => incidentId === data?.incidentId));
    if (!changes.length && !made.length) return null;
    return h("section", { "aria-labelledby": "effects-title" },
      h("h2", { id: "effects-title" }, "What came of it"),
      h("ul", { class: "rows" },
        changes.map(({ id, action, incidentId, changedFields, occurredAt }) => h("li", { key: id, class: "plain-row effect-row" },
          h("span", {}, CHANGES[action] ?? action.toLowerCase()), this.link(incidentId),
          h("span", { class: "muted small" }, action === "UPDATED" && changedFields.length ? `${changedFields.join(", ")}, ` : "", h(Ago, { at: occurredAt })))),
        made.map(({ id, type, data, owned, closedAt }) => h("li", { key: id, class: "plain-row effect-row" },
          h("span", {}, owned ? "Took over" : "Found"), data?.incidentId ? this.link(data.incidentId) : h("code", {}, type),
          h("span", { class: "muted small" }, closedAt && ["closed ", h(Ago, { at: closedAt })])))));
  }

  link(id) {
    const found = this.names.get(id);
    if (found === null) return h("span", { class: "muted" }, "…");
    return found?.reference ? h("a", { class: "one-line", href: to(`incidents/${found.reference}`) }, `${found.reference} `, h("bdi", {}, found.title)) : h("code", {}, id);
  }
}

const CHANGES = { CREATED: "Opened", UPDATED: "Changed", RESOLVED: "Resolved", DELETED: "Deleted" };

function Summary({ run, name }) {
  const reason = reasonOf(run);
  return h("section", { class: `system-now run-summary ${run.status.toLowerCase()}`, "aria-label": "How it is" },
    h("div", { class: "system-now-marks" }, h(RunMark, { status: run.status })),
    reason && h("p", {}, h("bdi", {}, reason)),
    h("p", { class: "muted" },
      "Began ", h(Ago, { at: run.startedAt ?? run.createdAt }), " by ", h("bdi", {}, run.actor.name ?? run.actor.type.toLowerCase()),
      name && [", about ", h("a", { href: to(name.reference ? `incidents/${name.reference}` : `systems/${encodeURIComponent(name.key)}`) }, h("bdi", {}, name.reference ?? name.name))],
      run.finishedAt ? run.durationSeconds !== null && `, took ${took(run.durationSeconds)}` : [", running for ", h(Lasted, { from: run.startedAt ?? run.createdAt })],
      `, version ${run.version}`));
}
