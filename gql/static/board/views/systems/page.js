// One system: how it is and why, how it was, its incidents and its maintenance.

import { documents } from "../../documents.js";
import { whileSeen } from "../../lib/every.js";
import { Page } from "../../lib/page.js";
import { go, to } from "../../lib/router.js";
import { entitle } from "../../lib/title.js";
import { h } from "../../lib/view.js";
import { Confirm } from "../../parts/confirm.js";
import { HealthMark } from "../../parts/marks.js";
import { Bones, Empty, Failure } from "../../parts/states.js";
import { Lasted } from "../../parts/time.js";
import { say } from "../../parts/toasts.js";
import { may, session } from "../../state/session.js";
import { scrolled } from "../scrolled.js";
import { SystemDialog } from "./form.js";
import { History } from "./history.js";
import { Incidents, followPast } from "./incidents.js";
import { ReportDialog } from "./report.js";
import { daysAgo } from "./uptime.js";

const DAYS = 90;
const AGAIN_SECONDS = 60;

/** The page of a system by its key. */
export class System extends Page {
  get shortcuts() {
    return [
      { keys: ["e"], does: "Edit the system", run: () => may("ADMIN") && this.open("edit") },
      { keys: ["h"], does: "Report its health", run: () => may("RESPONDER") && this.open("report") },
    ];
  }

  shown() {
    // Time passes also where nothing happens.
    this.end = whileSeen(AGAIN_SECONDS, () => this.history?.again());
  }

  left() {
    this.end();
  }

  open(dialog) {
    this.dialog = dialog;
    this.update();
  }

  async remove(system) {
    await session.client.mutate(documents.DeleteSystem, { input: { id: system.id, expectedVersion: system.version } });
    say("The system is deleted.");
    go(to("systems"));
  }

  render({ name }) {
    const live = this.follow("system", documents.OneSystem, { key: name }, { list: true });
    if (live.error) return h(Failure, { reason: live.error });
    const [system] = live.items;
    if (!system) return live.loaded ? this.renderMissing(name) : h(Bones, { rows: 8 });
    entitle(system.name);
    this.history = this.ask("history", documents.SystemHistory, { key: name, from: daysAgo(DAYS) });
    const sign = JSON.stringify([system.health, system.underMaintenance]);
    if (this.sign !== undefined && this.sign !== sign) queueMicrotask(() => this.history.again());
    this.sign = sign;
    const known = this.history.data?.system;
    const open = this.follow("open", documents.SystemOpenIncidents, { key: name }, { list: true });
    return h("article", { class: "system" },
      h("nav", { class: "crumbs", "aria-label": "You are here" }, h("a", { href: to("systems") }, "Systems"), h("bdi", { class: "muted", dir: "auto" }, system.key)),
      h("div", { class: "page-head" },
        h("h1", { dir: "auto" }, system.name),
        h("div", { class: "page-tools" },
          may("RESPONDER") && h("button", { class: "button", onclick: () => this.open("report") }, "Report health"),
          may("ADMIN") && h("button", { class: "button", onclick: () => this.open("edit") }, "Edit"),
          may("ADMIN") && h("button", { class: "button quiet", onclick: () => this.open("delete") }, "Delete"))),
      h(Now, { system, reported: known?.health.reported, incidents: open.items }),
      system.description && h("p", { ...scrolled("prose system-description", "Description", system.description), dir: "auto" }, system.description),
      h("div", { class: "system-parts" },
        h(History, { name, days: DAYS, points: known?.uptime, error: this.history.error, sign }),
        h(Incidents, { name, open: open.items, count: open.totalCount, isKnown: open.loaded, ...followPast(this, name) }),
        h(Planned, { instances: known?.maintenance })),
      this.renderDialog(system));
  }

  renderDialog(system) {
    const close = () => this.open(undefined);
    if (this.dialog === "edit") return h(SystemDialog, { system, onclose: close, saved: () => say("Saved.") });
    if (this.dialog === "report") return h(ReportDialog, { system, onclose: close });
    if (this.dialog !== "delete") return null;
    return h(Confirm, { title: "Delete the system?", action: "Delete it", onclose: close, onconfirm: () => this.remove(system) },
      h("p", {}, "You are about to delete ", h("bdi", { class: "strong" }, system.name), " for good."),
      h("ul", { class: "plain-list" },
        h("li", {}, "It is taken off each of its incidents. The incidents stay."),
        h("li", {}, "The history of its health and its uptime go with it."),
        h("li", {}, "Monitors that report on ", h("code", {}, system.key), " are refused from then on.")));
  }

  renderMissing(name) {
    entitle("No such system");
    return h("div", {},
      h("h1", { class: "visually-hidden" }, "Systems"),
      h(Empty, { title: "There is no such system" },
        h("p", {}, "Nothing has the key ", h("bdi", {}, h("code", {}, name)), ". It may have been deleted."),
        h("a", { class: "button", href: to("systems") }, "All systems")));
  }
}

/** How it is now, and what makes it so. */
function Now({ system, reported: times, incidents }) {
  const { health, underMaintenance } = system;
  const { reported, overrides } = health;
  const addressOf = (id) => to(`incidents/${incidents.find((incident) => incident.id === id)?.reference ?? id}`);
  return h("section", { class: `system-now ${health.status.toLowerCase()}`, "aria-label": "Health now" },
    h("div", { class: "system-now-marks" }, h(HealthMark, { status: health.status }), underMaintenance && h(HealthMark, { status: health.status, underMaintenance: true })),
    h("ul", { class: "plain-list" },
      overrides.map(({ incidentId, incidentTitle, status }) => h("li", { key: incidentId },
        `Set to ${status === "UNHEALTHY" ? "unhealthy" : "at least degraded"} by the incident `, h("a", { href: addressOf(incidentId) }, h("bdi", {}, incidentTitle)))),
      h("li", { key: "reported" }, reported ? [
        `Reported ${reported.status.toLowerCase()}`, reported.since && [" for ", h(Lasted, { from: reported.since })],
        times && [", last ", h(Lasted, { from: times.reportedAt }), " ago"],
        reported.message && [": ", h("bdi", scrolled("report-text", "Message", reported.message), reported.message)],
      ] : "Nothing has reported on it, which counts as healthy."),
      underMaintenance && h("li", { key: "maintenance" }, "Maintenance takes place. The health stays what is reported, and notifications keep silent.")));
}

/** What is planned, and what takes place. */
function Planned({ instances }) {
  return h("section", { class: "system-planned", "aria-labelledby": "planned" },
    h("h2", { id: "planned" }, "Planned maintenance"),
    !instances ? h(Bones, { rows: 2 }) : instances.length ? h("ol", { class: "rows" }, instances.map((instance) => h("li", { key: instance.id, class: "plain-row planned-row" },
      h("span", {}, instance.status === "ACTIVE" ? h(HealthMark, { underMaintenance: true }) : h(Span, { from: instance.startsAt })),
      h("a", { class: "one-line", href: to(`maintenance/${instance.maintenance?.id}`) }, h("bdi", { dir: "auto" }, instance.title ?? instance.maintenance?.title ?? "Maintenance")),
      h("span", { class: "muted small" }, instance.status === "ACTIVE" ? ["ends ", h(Span, { from: instance.endsAt })] : ["for ", h(Lasted, { from: instance.startsAt, to: instance.endsAt })])))) : h("p", { class: "muted" }, "Nothing is planned."));
}

const when = new Intl.DateTimeFormat(document.documentElement.lang || "en", { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZoneName: "short" });
const Span = ({ from }) => h("time", { datetime: from }, when.format(new Date(from)));
