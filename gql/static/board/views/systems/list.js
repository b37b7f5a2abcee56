// All systems, those that are not well first.

import { documents } from "../../documents.js";
import { moveFocus } from "../moving.js";
import { Page } from "../../lib/page.js";
import { go, setParameters, to } from "../../lib/router.js";
import { entitle } from "../../lib/title.js";
import { h } from "../../lib/view.js";
import { Icon } from "../../parts/icons.js";
import { HealthMark } from "../../parts/marks.js";
import { Bones, Empty, Failure } from "../../parts/states.js";
import { SystemDialog } from "./form.js";
import { Lasted } from "../../parts/time.js";
import { UptimeBars } from "./bars.js";
import { MoreSystems } from "./more.js";
import { may } from "../../state/session.js";
import { SystemTabs } from "./tabs.js";
import { Uptimes } from "./uptimes.js";

const DAYS = 30;
const SHOWN = 100;
const TYPING_MILLIS = 200;
const LINKS = ".system-row a.system-name";

/** The list, with a search and a form for another system. */
export class Systems extends Page {
  uptimes = new Uptimes(DAYS, () => this.update());
  watch = (element) => {
    if (element) this.uptimes.seen.observe(element);
  };
  watchEnd = (element) => {
    this.end?.disconnect();
    if (!element) return;
    this.end = new IntersectionObserver((entries) => entries.some(({ isIntersecting }) => isIntersecting) && this.rest.more(), { rootMargin: "600px" });
    this.end.observe(element);
  };

  get shortcuts() {
    return [
      { keys: ["/"], does: "Search systems", run: () => document.getElementById("system-search")?.focus() },
      { keys: ["j"], does: "Next system", run: () => moveFocus(this.dom, LINKS, 1) },
      { keys: ["k"], does: "Previous system", run: () => moveFocus(this.dom, LINKS, -1) },
      { keys: ["n"], does: "Add a system", run: () => may("ADMIN") && this.open(true) },
    ];
  }

  left() {
    this.uptimes.stop();
    this.rest?.stop();
    this.end?.disconnect();
    clearTimeout(this.typing);
  }

  open(isOpen) {
    this.isOpen = isOpen;
    this.update();
  }

  search(text) {
    clearTimeout(this.typing);
    this.typing = setTimeout(() => setParameters({ text: text.trim() }), TYPING_MILLIS);
  }

  /** Returns the rows that are not well, the others, and how many there are of each. */
  gather(text) {
    const filter = { text: text || undefined };
    const list = (name, health) => this.follow(name, documents.SystemRows, { filter: { ...filter, health }, first: SHOWN }, { list: true });
    const unwell = list("unwell", { in: ["DEGRADED", "UNHEALTHY"] });
    const healthy = list("healthy", { eq: "HEALTHY" });
    if (this.rest?.text !== text) {
      this.rest?.stop();
      this.rest = Object.assign(new MoreSystems({ ...filter, health: { eq: "HEALTHY" } }, () => this.update()), { text });
    }
    const bad = [...unwell.items].sort((a, b) => RANK[a.health.status] - RANK[b.health.status]);
    const known = new Set([...unwell.items, ...healthy.items].map(({ id }) => id));
    const good = [...healthy.items, ...this.rest.rows.filter(({ id }) => !known.has(id))];
    // A change of the list may be one of what is behind its first hundred.
    const sign = `${healthy.totalCount} ${unwell.items.map(({ id }) => id)}`;
    if (this.sign !== undefined && this.sign !== sign) this.rest.refresh();
    this.sign = sign;
    for (const system of [...bad, ...good]) this.uptimes.note(system);
    return { unwell, healthy, bad, good, total: unwell.totalCount + healthy.totalCount };
  }

  render({ parameters }) {
    const text = new URLSearchParams(parameters).get("text") ?? "";
    const { unwell, healthy, bad, good, total } = this.gather(text);
    const { data } = this.follow("counts", documents.OpenIncidentsBySystem);
    const counts = new Map(data?.incidentCounts.map(({ system, count }) => [system?.id, count]));
    const error = unwell.error ?? healthy.error;
    entitle(bad.length ? `${bad.length} not healthy, Systems` : "Systems");
    if (error) return h(Failure, { reason: error });
    const isKnown = unwell.loaded && healthy.loaded;
    const rows = (systems) => h("ol", { class: "rows system-rows" }, systems.map((system) =>
      h(Row, { key: system.id, system, count: counts.get(system.id) ?? 0, points: this.uptimes.points.get(system.id), watch: this.watch })));
    return h("div", { class: "systems-list" },
      h(SystemTabs, { at: "systems" }),
      h("div", { class: "page-head" },
        h("h1", {}, isKnown || total ? sentence(bad, unwell.totalCount, total, text) : "Systems"),
        h("div", { class: "page-tools" },
          h("input", { id: "system-search", type: "search", "aria-label": "Search systems", placeholder: "Search", value: text, oninput: (event) => this.search(event.target.value), onkeydown: (event) => event.key === "Escape" && event.target.blur() }),
          may("ADMIN") && h("button", { class: "button first", onclick: () => this.open(true) }, h(Icon, { name: "plus" }), "Add a system"))),
      !isKnown && !total ? h(Bones, { rows: 8 }) : total ? h("div", { class: "system-groups" },
        bad.length > 0 && h("section", { key: "bad", "aria-label": "Not healthy" }, h("h2", {}, "Not healthy"), rows(bad), unwell.totalCount > bad.length && h("p", { class: "muted" }, `And ${unwell.totalCount - bad.length} more. Search to find one.`)),
        good.length > 0 && h("section", { key: "good", "aria-label": "Healthy" }, h("h2", {}, "Healthy"), rows(good), healthy.totalCount > good.length && this.rest.hasNext && this.renderMore(healthy.totalCount - good.length))) : this.renderEmpty(text),
      this.isOpen && h(SystemDialog, { onclose: () => this.open(false), saved: ({ key }) => go(to(`systems/${encodeURIComponent(key)}`)) }));
  }

  renderMore(count) {
    return h("p", { key: "more", class: "more-systems" }, h("button", { class: "button", ref: this.watchEnd, onclick: () => this.rest.more() },
      this.rest.error ? "Try again" : `Show more: ${count} left`));
  }

  renderEmpty(text) {
    if (text) return h(Empty, { title: "No system has that in its name, key or description" }, h("button", { class: "button", onclick: () => setParameters({ text: "" }) }, "Show all systems"));
    return h(Empty, { title: "There are no systems yet" },
      h("p", {}, "A system is what incidents affect and monitors report on: a service, a site, a device."),
      may("ADMIN") ? h("button", { class: "button first", onclick: () => this.open(true) }, "Add the first one") : h("p", {}, "An admin adds them."));
  }
}

const RANK = { UNHEALTHY: 0, DEGRADED: 1, HEALTHY: 2 };

function sentence(bad, count, total, text) {
  const systems = (number) => `${number} ${number === 1 ? "system" : "systems"}`;
  if (!total) return text ? "Nothing found" : "No systems";
  if (text) return `${systems(total)} found${count ? `, ${count} not healthy` : ""}`;
  if (!count) return total === 1 ? "The one system is healthy" : `All ${total} systems are healthy`;
  return `${count} of ${systems(total)} ${count === 1 ? "is" : "are"} not healthy`;
}

function Row({ system, count, points, watch }) {
  const { health } = system;
  return h("li", { class: "system-row", "data-system": system.id, ref: watch },
    h("span", { class: "system-mark" }, h(HealthMark, { status: health.status }), system.underMaintenance && h(HealthMark, { status: health.status, underMaintenance: true })),
    h("span", { class: "system-title" },
      h("a", { class: "system-name", href: to(`systems/${encodeURIComponent(system.key)}`) }, h("bdi", {}, system.name)),
      h("bdi", { class: "muted small one-line system-key" }, system.key)),
    h("span", { class: "system-why muted one-line" }, health.status !== "HEALTHY" && h(Why, { health })),
    h("span", { class: "system-count small" }, count > 0 && `${count} open ${count === 1 ? "incident" : "incidents"}`),
    h(UptimeBars, { points, days: DAYS }));
}

/** The cause in one line: an incident that says so, or else the report. */
function Why({ health }) {
  const [override] = health.overrides;
  if (override) return h("bdi", {}, override.incidentTitle);
  const { reported } = health;
  return h("span", {}, reported?.message ? h("bdi", {}, reported.message) : "Reported", reported?.since && [", for ", h(Lasted, { from: reported.since })]);
}
