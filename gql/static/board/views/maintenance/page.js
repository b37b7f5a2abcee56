// One maintenance: when it takes place, each of its times, and what was said about it.

import { documents } from "../../documents.js";
import { to } from "../../lib/router.js";
import { ZONE } from "../../lib/time.js";
import { entitle } from "../../lib/title.js";
import { h } from "../../lib/view.js";
import { Confirm } from "../../parts/confirm.js";
import { Dialog } from "../../parts/dialog.js";
import { Field } from "../../parts/field.js";
import { Form } from "../../parts/form.js";
import { pageVariables } from "../../parts/pages.js";
import { Bones, Empty, Failure } from "../../parts/states.js";
import { Ago } from "../../parts/time.js";
import { may } from "../../state/session.js";
import { newKey } from "../../state/writes.js";
import { Section } from "../settings/section.js";
import { MaintenanceForm } from "./form.js";
import { Instances, SETS } from "./instances.js";
import { MaintenanceState, When } from "./marks.js";
import { ruleWords } from "./rules.js";

/** The page of a maintenance window. */
export class Maintenance extends Section {
  static title = "Maintenance";

  again() {
    return this.page.again();
  }

  render({ id, parameters }) {
    const which = new URLSearchParams(parameters).get("times") === "past" ? "past" : "";
    this.page = this.ask("page", documents.MaintenancePage, { id, statuses: SETS[which], ...pageVariables(parameters, 10) }, { seconds: 5 });
    const { data, loaded, error } = this.page;
    if (error && !loaded) return h(Failure, { reason: error });
    if (!loaded) return h(Bones);
    const { maintenance } = data;
    if (!maintenance) return h(Empty, { title: "There is no such maintenance" }, h("a", { class: "button", href: to("maintenance") }, "All maintenance"));
    entitle(maintenance.title);
    const mine = may("RESPONDER");
    return h("div", { class: "section maintenance" },
      h("nav", { class: "crumbs", "aria-label": "Above this page" }, h("a", { href: to("systems") }, "Systems"), h("a", { href: to("maintenance") }, "Maintenance")),
      h("div", { class: "section-head" },
        h("h1", { dir: "auto" }, maintenance.title),
        mine && h("div", { class: "section-actions" }, this.renderActions(maintenance))),
      this.renderFacts(maintenance),
      this.renderUpdates(maintenance),
      Instances({ page: this, maintenance, which, mine }),
      this.dialog?.());
  }

  renderActions(maintenance) {
    const { id, status, version, recurrence } = maintenance;
    const isOver = status === "ENDED" || status === "CANCELLED";
    return [
      h("button", { class: "button first", onclick: () => this.open(() => this.renderUpdating(id)) }, "Post an update"),
      status === "ACTIVE" && h("button", { class: "button", onclick: () => this.open(() => this.renderEnding(maintenance)) }, "End now"),
      !isOver && h("button", { class: "button", onclick: () => this.change(maintenance, version) }, "Change"),
      !isOver && h("button", { class: "button", onclick: () => this.open(() => this.renderCancelling(maintenance)) }, recurrence ? "Cancel all" : "Cancel"),
    ];
  }

  renderFacts({ status, startsAt, endsAt, next, recurrence, timeZone, systems, descriptionHtml, createdAt, createdBy, visibility, cancelledAt }) {
    const instance = next.nodes[0] ?? { startsAt, endsAt };
    return [
      h("p", { class: "fact-line" }, h(MaintenanceState, { status, endsAt: status === "ACTIVE" ? instance.endsAt : undefined }),
        h("span", {}, h(When, { from: instance.startsAt, to: instance.endsAt }), ` (${ZONE})`),
        recurrence && h("span", {}, `${ruleWords(recurrence)}, by the clocks of ${timeZone}`)),
      cancelledAt && h("p", { class: "muted" }, "It was cancelled ", h(Ago, { at: cancelledAt }), "."),
      h("ul", { class: "names", "aria-label": "Systems" }, systems.map(({ id, key, name }) => h("li", { key: id }, h("a", { href: to(`systems/${encodeURIComponent(key)}`) }, h("bdi", {}, name))))),
      descriptionHtml && [h("h2", { class: "visually-hidden" }, "Description"), h("div", { class: "prose", dir: "auto", html: descriptionHtml })],
      h("p", { class: "muted small" }, "Scheduled ", h(Ago, { at: createdAt }), createdBy?.name && [" by ", h("bdi", {}, createdBy.name)], visibility === "PUBLIC" ? ". Everybody may see it." : visibility === "INTERNAL" ? ". Only responders see it." : ". Everybody who is signed in sees it."),
    ];
  }

  renderUpdates({ updates }) {
    if (!updates.length) return null;
    return [h("h2", {}, "Updates"), h("ol", { class: "maintenance-updates" }, updates.map(({ id, messageHtml, createdAt, createdBy }) =>
      h("li", { key: id }, h("p", { class: "muted small" }, h(Ago, { at: createdAt }), createdBy?.name && [" by ", h("bdi", {}, createdBy.name)]), h("div", { class: "prose", dir: "auto", html: messageHtml }))))];
  }

  renderUpdating(id) {
    const key = newKey();
    return h(Dialog, { title: "Post an update", onclose: this.close }, h(Form, {
      action: "Post", oncancel: this.close,
      fields: (wrong) => [h(Field, { name: "message", label: "Message", wrong: wrong("message"), help: "For everybody who may see the maintenance. Markdown works.", control: h("textarea", { rows: 5, required: true, maxlength: 25_000, autofocus: true, dir: "auto" }) })],
      onsubmit: async (values) => {
        await this.send(documents.AddMaintenanceUpdate, { id, message: values.get("message"), idempotencyKey: key }, "The update is posted.");
        this.close();
      },
    }));
  }

  /** Opens the form. A conflict shows what somebody else has made of it, and keeps what was written. */
  change(maintenance, version, conflict) {
    this.open(() => h(Dialog, { title: "Change the maintenance", onclose: this.close }, h(MaintenanceForm, {
      maintenance, conflict, oncancel: this.close,
      onsubmit: async (input) => {
        try {
          await this.send(documents.UpdateMaintenance, { id: maintenance.id, expectedVersion: version, ...input }, "The maintenance is changed.");
        } catch (error) {
          if (error.code !== "VERSION_CONFLICT") throw error;
          await this.again();
          const { maintenance: theirs } = this.page.data;
          this.change(maintenance, theirs.version, theirs);
          return;
        }
        this.close();
      },
    })));
  }

  renderEnding({ id, title, recurrence }) {
    return h(Confirm, {
      title: "End it now?", action: "End now", isSafe: true, onclose: this.close,
      onconfirm: () => this.send(documents.EndMaintenance, { id }, "The maintenance is over."),
    }, h("p", {}, h("bdi", {}, title), " ends before its time, and alerts about its systems are heard again.", recurrence && " Its other times stay."));
  }

  renderCancelling({ id, title, recurrence, status }) {
    return h(Confirm, {
      title: recurrence ? "Cancel all of it?" : "Cancel this maintenance?", action: recurrence ? "Cancel all" : "Cancel it", onclose: this.close,
      onconfirm: () => this.send(documents.CancelMaintenance, { id }, "The maintenance is cancelled."),
    }, h("p", {}, h("bdi", {}, title), recurrence ? " never takes place again." : " does not take place.", status === "ACTIVE" && " What takes place now ends."));
  }
}
