// One automation: what it does, how it ran, its definition, its versions, and what it would have done.

import { documents } from "../../documents.js";
import { Page } from "../../lib/page.js";
import { go, place, setParameters, to } from "../../lib/router.js";
import { entitle } from "../../lib/title.js";
import { h } from "../../lib/view.js";
import { Confirm } from "../../parts/confirm.js";
import { Bones, Empty, Failure } from "../../parts/states.js";
import { Ago } from "../../parts/time.js";
import { say } from "../../parts/toasts.js";
import { POLLED } from "../../state/asked.js";
import { may, session } from "../../state/session.js";
import { scrolled } from "../scrolled.js";
import { ByHand } from "./by_hand.js";
import { DryRun } from "./dry_run.js";
import { Edit } from "./edit.js";
import { Runs } from "./runs.js";
import { Switch } from "./switch.js";
import { Versions } from "./versions.js";
import { Words } from "./words.js";

const ID = /^aut_[a-z0-9]+$/;
/** Runs that came while the page was open; older ones are in the list's next pages after a reload. */
const MOST_FRESH = 200;
const VIEWS = { "": "Overview", definition: "Definition", try: "Try it", versions: "Versions" };

/** The page of an automation by its id or its name. */
export class Automation extends Page {
  fresh = new Map();

  get shortcuts() {
    return [
      { keys: ["e"], does: "Edit the definition", run: () => may("ADMIN") && this.show("definition", true) },
      { keys: ["r"], does: "Run it by hand", run: () => may("ADMIN") && this.open("run") },
      { keys: ["t"], does: "Try it on the past", run: () => may("ADMIN") && this.show("try") },
    ];
  }

  open(dialog) {
    this.dialog = dialog;
    this.update();
  }

  show(view, isEdited = false) {
    setParameters({ view, edit: isEdited ? "1" : "", status: "" });
  }

  take({ automationRuns: run }) {
    const kept = [...this.fresh].filter(([id]) => id !== run.id).slice(-MOST_FRESH);
    this.fresh = new Map(kept).set(run.id, run);
  }

  async turn(id, enabled) {
    this.switched = enabled;
    this.update();
    try {
      await session.client.mutate(documents.SetAutomationEnabled, { input: { id, enabled } });
      await this.asked.again();
    } catch (error) {
      say(`It is still ${enabled ? "off" : "on"}. ${error.message}`, { bad: true });
    }
    this.switched = undefined;
    this.update();
  }

  async remove({ id, version }) {
    await session.client.mutate(documents.DeleteAutomation, { input: { id, expectedVersion: version } });
    say("The automation is deleted.");
    go(to("automations"));
  }

  render({ name, parameters }) {
    this.asked = this.ask("automation", documents.Automation, ID.test(name) ? { id: name } : { name }, POLLED);
    const automation = this.asked.data?.automation;
    if (this.asked.error && !automation) return h("div", {}, h("h1", { class: "visually-hidden" }, "Automation"), h(Failure, { reason: this.asked.error }));
    if (!automation) return this.asked.loaded ? this.renderMissing(name) : h(Bones, { rows: 8 });
    entitle(automation.name);
    const asked = new URLSearchParams(parameters);
    const view = asked.get("view") ?? "";
    const isManager = may("ADMIN");
    this.follow("runs", documents.RunsLive, { automationId: automation.id }, { next: (data) => this.take(data) });
    return h("article", { class: "automation" },
      h("nav", { class: "crumbs", "aria-label": "You are here" }, h("a", { href: to("automations") }, "Automations"), automation.group && h("bdi", { class: "muted one-line" }, automation.group)),
      h("div", { class: "page-head" },
        h("h1", { dir: "auto" }, automation.name),
        h("div", { class: "page-tools" },
          h(Switch, { isOn: this.switched ?? automation.enabled, label: "Switched on", word: (this.switched ?? automation.enabled) ? "On" : "Off", isDisabled: !isManager, turn: (isOn) => this.turn(automation.id, isOn) }),
          isManager && h("button", { class: "button", onclick: () => this.open("run") }, "Run by hand"),
          isManager && h("button", { class: "button quiet", onclick: () => this.open("delete") }, "Delete"))),
      automation.description && h("p", { ...scrolled("prose automation-description", "Purpose", automation.description), dir: "auto" }, automation.description),
      automation.managedBy && h("p", { class: "notice" }, h("span", {}, "Managed by ", h("code", {}, automation.managedBy), ": what is changed here is lost when that is applied again.")),
      h("nav", { class: "tabs", "aria-label": "Parts" }, Object.entries(VIEWS).filter(([key]) => isManager || key !== "try").map(([key, word]) =>
        h("a", { key, href: to(place().path) + (key && `?view=${key}`), "aria-current": key === view ? "page" : undefined }, word))),
      this.renderView(view, automation, asked),
      this.dialog === "run" && h(ByHand, { automation, onclose: () => this.open(undefined) }),
      this.dialog === "delete" && h(Confirm, { title: "Delete the automation?", action: "Delete it", onclose: () => this.open(undefined), onconfirm: () => this.remove(automation) },
        h("p", {}, "You are about to delete ", h("bdi", { class: "strong" }, automation.name), " for good, with all of its versions."),
        h("p", {}, "Runs that are active are cancelled. What it opened stays open, and its runs can be read until they are removed by age.")));
  }

  renderView(view, automation, asked) {
    if (view === "versions") return h(Versions, { id: automation.id, version: automation.version });
    if (view === "try" && may("ADMIN")) return h(DryRun, { id: automation.id, definition: automation.definition });
    if (view === "definition") {
      return asked.get("edit") && may("ADMIN")
        ? h(Edit, { automation, onclose: () => this.show("definition"), saved: () => this.asked.again() })
        : h("section", {}, may("ADMIN") && h("p", { class: "actions-before" }, h("button", { class: "button", onclick: () => this.show("definition", true) }, "Edit")), h("pre", { class: "definition", tabindex: "0", role: "group", "aria-label": "Definition" }, automation.yaml));
    }
    return h("div", { class: "automation-parts" },
      h("section", { "aria-labelledby": "does-title" },
        h("h2", { id: "does-title" }, "What it does"),
        h(Words, { definition: automation.definition }),
        h("p", { class: "muted small" }, `Version ${automation.version}, changed `, h(Ago, { at: automation.updatedAt }))),
      h(Runs, { id: automation.id, status: asked.get("status") ?? undefined, fresh: this.freshRuns(automation) }));
  }

  /** The same list as long as there is nothing new, so that rows are not compared in vain. */
  freshRuns() {
    if (this.listed?.of !== this.fresh) this.listed = { of: this.fresh, runs: [...this.fresh.values()] };
    return this.listed.runs;
  }

  renderMissing(name) {
    return h("div", {}, h("h1", { class: "visually-hidden" }, "Automation"),
      h(Empty, { title: "There is no such automation" }, h("p", {}, "Nothing has the name or the id ", h("bdi", {}, h("code", {}, name)), "."), h("a", { class: "button", href: to("automations") }, "All automations")));
  }
}
