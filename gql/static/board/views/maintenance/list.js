// Planned maintenance: what takes place now, what is to come, and what was.

import { documents } from "../../documents.js";
import { go, to } from "../../lib/router.js";
import { ZONE } from "../../lib/time.js";
import { h } from "../../lib/view.js";
import { Dialog } from "../../parts/dialog.js";
import { Pages, pageVariables } from "../../parts/pages.js";
import { Bones, Empty, Failure } from "../../parts/states.js";
import { Table } from "../../parts/table.js";
import { may } from "../../state/session.js";
import { newKey } from "../../state/writes.js";
import { Choices } from "../settings/filters.js";
import { Section } from "../settings/section.js";
import { SystemTabs } from "../systems/tabs.js";
import { MaintenanceForm } from "./form.js";
import { MaintenanceState, When } from "./marks.js";
import { ruleWords } from "./rules.js";

const SETS = { "": ["ACTIVE", "SCHEDULED"], past: ["ENDED", "CANCELLED"] };
const PAGE = 50;

/** The list of maintenance windows. */
export class Maintenances extends Section {
  static title = "Maintenance";

  get shortcuts() {
    return [{ keys: ["n"], does: "Schedule maintenance", run: () => may("RESPONDER") && this.schedule() }];
  }

  again() {
    return this.windows.again();
  }

  schedule() {
    const key = newKey();
    this.open(() => h(Dialog, { title: "Schedule maintenance", onclose: this.close }, h(MaintenanceForm, {
      oncancel: this.close,
      onsubmit: async (input) => {
        const { maintenance } = await this.send(documents.ScheduleMaintenance, { ...input, idempotencyKey: key }, "The maintenance is scheduled.");
        go(to(`maintenance/${maintenance.id}`));
      },
    })));
  }

  render({ parameters }) {
    const which = new URLSearchParams(parameters).get("show") === "past" ? "past" : "";
    this.windows = this.ask("windows", documents.Maintenances, { filter: { statuses: SETS[which] }, ...pageVariables(parameters, PAGE) }, { seconds: 5 });
    const { data, loaded, error } = this.windows;
    return h("div", { class: "section maintenance" },
      h(SystemTabs, { at: "maintenance" }),
      h("div", { class: "section-head" },
        h("h1", {}, "Maintenance"),
        h("div", { class: "section-actions" },
          may("RESPONDER") && h("button", { class: "button first", onclick: () => this.schedule() }, "Schedule maintenance"))),
      h("p", { class: "muted prose" }, "Planned work on systems. While it lasts, alerts about their health keep silent. ", `Times are in your zone, ${ZONE}.`),
      h(Choices, { name: "show", label: "Time", all: "Now and next", words: { past: "Past" } }),
      error && !loaded ? h(Failure, { reason: error }) : loaded ? this.renderList(data.maintenances, which) : h(Bones),
      this.dialog?.());
  }

  renderList({ nodes, pageInfo }, which) {
    if (!nodes.length) {
      return which
        ? h(Empty, { title: "No maintenance has taken place yet" })
        : h(Empty, { title: "No maintenance is planned" }, h("p", {}, "Say beforehand when systems will be worked on: it shows on the status page, and nobody is alarmed."));
    }
    const rows = nodes.map((window) => ({ ...window, instance: (which ? window.past : window.next).nodes[0] ?? window }));
    if (!which) rows.sort((a, b) => a.instance.startsAt.localeCompare(b.instance.startsAt));
    return [
      h(Table, { label: which ? "Past maintenance" : "Maintenance now and next", rows, columns: [
        { name: "title", label: "Title", cell: ({ id, title }) => h("a", { href: to(`maintenance/${id}`) }, h("bdi", {}, title)) },
        { name: "state", label: "State", cell: ({ status, instance }) => h(MaintenanceState, { status, endsAt: status === "ACTIVE" ? instance.endsAt : undefined }) },
        { name: "when", label: which ? "Last time" : "Next time", kind: "text", cell: ({ instance }) => h(When, { from: instance.startsAt, to: instance.endsAt }) },
        { name: "systems", label: "Systems", kind: "text", cell: ({ systems }) => namesOf(systems) },
        { name: "repeats", label: "Repeats", kind: "text", cell: ({ recurrence }) => ruleWords(recurrence) },
      ] }),
      h(Pages, { info: pageInfo }),
    ];
  }
}

function namesOf(systems) {
  const some = systems.slice(0, 3);
  const more = systems.length - some.length;
  return [some.map(({ id, key, name }, nth) => h("span", { key: id }, nth > 0 && ", ", h("a", { href: to(`systems/${encodeURIComponent(key)}`) }, h("bdi", {}, name)))), more > 0 && ` and ${more} more`];
}
