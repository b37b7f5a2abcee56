// The systems that it affects, with their health as it is now, and the health that the incident sets for them.

import { documents } from "../../documents.js";
import { to } from "../../lib/router.js";
import { Component, h } from "../../lib/view.js";
import { Field, choices } from "../../parts/field.js";
import { HEALTHS, HealthMark } from "../../parts/marks.js";
import { Picker } from "../../parts/picker.js";
import { session } from "../../state/session.js";
import { write } from "../../state/writes.js";
import { change } from "./acting.js";
import { FormActions, onEscape, Section } from "./section.js";
import { listed } from "./words.js";

const MOST = 100;
const SHOWN = 8;
const OVERRIDES = { "": "As they report", DEGRADED: "At least degraded", UNHEALTHY: "Unhealthy" };

/** Props: `incident` as shown, `feed`, `mayWrite`, and `health`, the live list of its systems. */
export class Systems extends Component {
  edit() {
    const { systems, healthOverride } = this.props.incident;
    Object.assign(this, { isOpen: true, systems, override: healthOverride ?? "", base: { systems, healthOverride } });
    this.update();
  }

  close() {
    this.isOpen = false;
    this.wrong = undefined;
    this.update();
  }

  async submit(event) {
    event.preventDefault();
    if (!this.systems.length) {
      this.wrong = "An incident affects at least one system.";
      this.update();
      return;
    }
    const { feed } = this.props;
    const { id } = feed.incident;
    const { systems, override, base } = this;
    if (String(idsOf(systems)) !== String(idsOf(base.systems))) {
      const result = await change(feed, {
        what: "systems", base: idsOf(base.systems), mine: idsOf(systems), now: () => idsOf(feed.incident.systems),
        words: (ids) => listed(ids.map((each) => systems.find((system) => system.id === each)?.name ?? feed.systemName(each))),
        send: (expectedVersion) => write(documents.SetIncident, { id, systemIds: idsOf(systems), expectedVersion }, { id, patch: { systems } }),
      });
      if (result === "open") return;
    }
    if ((override || null) !== base.healthOverride) {
      const result = await change(feed, {
        what: "health of its systems", base: base.healthOverride, mine: override || null, now: () => feed.incident.healthOverride,
        words: (value) => OVERRIDES[value ?? ""],
        send: (expectedVersion) => write(documents.SetIncident, { id, healthOverride: override || null, expectedVersion }, { id, patch: { healthOverride: override || null } }),
      });
      if (result === "open") return;
    }
    this.close();
  }

  render({ incident, health, mayWrite }) {
    return h(Section, { title: "Systems", onedit: mayWrite ? () => this.edit() : undefined, isOpen: this.isOpen },
      this.isOpen ? this.renderForm() : this.renderList(incident, health));
  }

  renderList({ systems, healthOverride, suppressNotifications, resolvedAt }, health) {
    const live = new Map((health ?? []).map((system) => [system.id, system]));
    const shown = this.isWhole ? systems : systems.slice(0, SHOWN);
    return h("div", {},
      h("ul", { class: "aside-list" }, shown.map((system) => h(System, { key: system.id, system: live.get(system.id) ?? system }))),
      shown.length < systems.length && h("button", { class: "text-button", onclick: () => { this.isWhole = true; this.update(); } }, `Show all ${systems.length}`),
      healthOverride && h("p", { class: "small muted" }, resolvedAt ? `It set their health to ${HEALTHS[healthOverride].toLowerCase()} while it was open.` : `It sets their health to ${HEALTHS[healthOverride].toLowerCase()} while it is open.`),
      suppressNotifications && h("p", { class: "small muted" }, "Notifications of their health are suppressed while it is open."));
  }

  renderForm() {
    return h("form", { class: "form", onsubmit: (event) => this.submit(event), onkeydown: onEscape(() => this.close()) },
      h(Field, { name: "systems", label: "Affected systems", wrong: this.wrong, control: h(Picker, { chosen: this.systems, most: MOST, search: findSystems, placeholder: "A name or a key", onchange: (chosen) => { this.systems = chosen; this.update(); } }) }),
      h(Field, { name: "health-override", label: "Their health while it is open", help: "The worst of what is reported and what open incidents set is what everybody sees.", control: choices(OVERRIDES, { value: this.override, onchange: (event) => (this.override = event.target.value) }) }),
      h(FormActions, { oncancel: () => this.close() }));
  }
}

function System({ system }) {
  const { key, name, health, underMaintenance } = system;
  return h("li", { class: "system-line" },
    h("a", { class: "one-line", href: to(`systems/${encodeURIComponent(key)}`), dir: "auto", title: name }, name),
    health && h(HealthMark, { status: health.status, underMaintenance }));
}

const idsOf = (systems) => systems.map(({ id }) => id).sort();

async function findSystems(text) {
  const { systems } = await session.client.query(documents.FindSystems, { filter: text ? { text } : undefined, first: 20 });
  return { items: systems.nodes.map((system) => ({ ...system, note: system.key })), totalCount: systems.totalCount };
}
