// The form of a maintenance: what, of which systems, when by whose clocks, and how often; with its next times.

import { documents } from "../../documents.js";
import { ZONE } from "../../lib/time.js";
import { Component, h } from "../../lib/view.js";
import { Field, choices } from "../../parts/field.js";
import { Form, Refusal } from "../../parts/form.js";
import { Picker } from "../../parts/picker.js";
import { session } from "../../state/session.js";
import { findSystems } from "../../state/systems.js";
import { kindOf, usualRules } from "./rules.js";
import { isZone, localOf, momentOf, spanIn, zoneNames } from "./zones.js";

const VISIBILITIES = { PUBLIC: "Everybody, on the status page as well", LOGGED_IN: "Everybody who is signed in", INTERNAL: "Responders and admins" };
const ASKING_MILLIS = 300;
const HOUR = 3_600_000;

/**
 * A form for a new maintenance, or for one that is there (`maintenance`). `onsubmit` gets the input of the mutation, in
 * which fields that did not change are left out; `conflict` is what somebody else has made of it meanwhile.
 */
export class MaintenanceForm extends Component {
  constructor(props) {
    super(props);
    const { maintenance, systems = [] } = props;
    this.zone = maintenance?.timeZone ?? ZONE;
    this.systems = maintenance?.systems ?? systems;
    const begin = maintenance?.startsAt ?? new Date(Math.ceil(Date.now() / HOUR + 1) * HOUR).toISOString();
    const end = maintenance?.endsAt ?? new Date(new Date(begin).valueOf() + HOUR).toISOString();
    this.startsAt = localOf(begin, this.zone);
    this.endsAt = localOf(end, this.zone);
    const rule = maintenance?.recurrence ?? "";
    this.repeat = rule in usualRules(this.startsAt) ? rule : "own";
    this.rule = this.repeat === "own" ? rule : "";
    this.first = { startsAt: this.startsAt, endsAt: this.endsAt, zone: this.zone, rule };
  }

  mounted() {
    this.look();
  }

  removed() {
    clearTimeout(this.timer);
    this.asked = undefined;
  }

  /** Takes what was entered, keeps the length and the kind of repetition where the beginning moves, and looks ahead. */
  take(changes) {
    const before = this.startsAt;
    if (changes.startsAt && momentOf(changes.startsAt, "UTC") && momentOf(before, "UTC") && momentOf(this.endsAt, "UTC")) {
      const length = new Date(`${this.endsAt}Z`) - new Date(`${before}Z`);
      if (length > 0) this.endsAt = new Date(new Date(`${changes.startsAt}Z`).valueOf() + length).toISOString().slice(0, 16);
      const kind = kindOf(this.repeat);
      this.repeat = Object.keys(usualRules(changes.startsAt)).find((rule) => kindOf(rule) === kind) ?? this.repeat;
    }
    Object.assign(this, changes);
    this.look();
  }

  get recurrence() {
    return this.repeat === "own" ? this.rule.trim() : this.repeat;
  }

  /** Asks when it would take place; after a pause, and once for what was entered last. */
  look() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), ASKING_MILLIS);
    this.update();
  }

  async ask() {
    const asked = (this.asked = {});
    const zone = isZone(this.zone) ? this.zone : undefined;
    const [startsAt, endsAt] = zone ? [momentOf(this.startsAt, zone), momentOf(this.endsAt, zone)] : [];
    let found = {};
    if (startsAt && endsAt) {
      try {
        const { maintenanceTimes } = await session.client.query(documents.MaintenanceTimes, { startsAt, endsAt, timeZone: zone, recurrence: this.recurrence || undefined });
        const length = new Date(endsAt) - new Date(startsAt);
        found = { times: maintenanceTimes.map((at) => [at, new Date(new Date(at).valueOf() + length).toISOString()]), zone };
      } catch ({ message }) {
        found = { problem: message };
      }
    }
    if (asked !== this.asked) return;
    this.preview = found;
    this.update();
  }

  render({ maintenance, conflict, oncancel }) {
    return h(Form, {
      action: maintenance ? "Save" : "Schedule", oncancel, onsubmit: (values) => this.submit(values),
      fields: (wrong) => [conflict && h(Conflict, { conflict }), this.renderFields(wrong, maintenance)],
    });
  }

  renderFields(wrong, maintenance) {
    return [
      h(Field, { name: "title", label: "Title", wrong: wrong("title"), control: h("input", { required: true, maxlength: 200, autofocus: true, dir: "auto", autocomplete: "off", value: maintenance?.title ?? "" }) }),
      h(Field, { name: "systemIds", label: "Systems", wrong: wrong("systemIds"), control: h(Picker, { chosen: this.systems, most: 100, search: findSystems, placeholder: "Type a part of the name", onchange: (systems) => this.take({ systems }) }) }),
      h(Field, { name: "description", label: "What people will notice", wrong: wrong("description"), help: "Markdown works.", control: h("textarea", { rows: 3, maxlength: 20_000, dir: "auto", value: maintenance?.description ?? "" }) }),
      h("div", { class: "form-row" },
        h(Field, { name: "startsAt", label: "Begins", wrong: wrong("startsAt"), control: h("input", { type: "datetime-local", required: true, value: this.startsAt, oninput: (event) => this.take({ startsAt: event.target.value }) }) }),
        h(Field, { name: "endsAt", label: "Ends", wrong: wrong("endsAt"), control: h("input", { type: "datetime-local", required: true, value: this.endsAt, oninput: (event) => this.take({ endsAt: event.target.value }) }) })),
      h(Field, { name: "timeZone", label: "By the clocks of", wrong: wrong("timeZone"), help: this.zone === ZONE ? "Your own time zone." : `Your own is ${ZONE}.`, control: h("input", { list: "zones", required: true, autocomplete: "off", spellcheck: "false", value: this.zone, oninput: (event) => this.take({ zone: event.target.value.trim() }) }) }),
      h("datalist", { id: "zones" }, zoneNames().map((name) => h("option", { key: name, value: name }))),
      h(Field, { name: "repeat", label: "Repeats", control: choices(usualRules(this.startsAt), { value: this.repeat, onchange: (event) => this.take({ repeat: event.target.value }) }) }),
      this.repeat === "own" && h(Field, { name: "recurrence", label: "Rule", wrong: wrong("recurrence"), help: "An RRULE of iCalendar, such as FREQ=WEEKLY;INTERVAL=2;BYDAY=TU.", control: h("input", { class: "code", required: true, maxlength: 500, autocomplete: "off", spellcheck: "false", value: this.rule, oninput: (event) => this.take({ rule: event.target.value }) }) }),
      h(NextTimes, { preview: this.preview }),
      h(Field, { name: "visibility", label: "Who sees it", wrong: wrong("visibility"), help: "That the systems are under maintenance is seen by everybody.", control: choices(VISIBILITIES, { value: maintenance?.visibility ?? "PUBLIC" }) }),
    ];
  }

  submit(values) {
    const { maintenance, onsubmit } = this.props;
    if (!this.systems.length) throw new Refusal("Choose at least one system.", "systemIds");
    if (!isZone(this.zone)) throw new Refusal("This is not a time zone such as Europe/Berlin.", "timeZone");
    const all = {
      title: values.get("title").trim(),
      description: values.get("description").trim() || null,
      systemIds: this.systems.map(({ id }) => id),
      visibility: values.get("visibility"),
      ...this.times(),
    };
    return onsubmit(maintenance ? changed(all, maintenance) : all);
  }

  /** The times, where they are others: other times replace all that is to come. */
  times() {
    const { first } = this;
    const isSame = this.startsAt === first.startsAt && this.endsAt === first.endsAt && this.zone === first.zone && this.recurrence === first.rule;
    if (this.props.maintenance && isSame) return {};
    return { startsAt: momentOf(this.startsAt, this.zone), endsAt: momentOf(this.endsAt, this.zone), timeZone: this.zone, recurrence: this.recurrence || null };
  }
}

function changed(all, before) {
  const known = { ...before, systemIds: before.systems.map(({ id }) => id) };
  return Object.fromEntries(Object.entries(all).filter(([name, value]) => ["startsAt", "endsAt"].includes(name) || JSON.stringify(value) !== JSON.stringify(known[name])));
}

function NextTimes({ preview }) {
  if (!preview) return null;
  if (preview.problem) return h("p", { class: "wrong-times", role: "status" }, preview.problem);
  if (!preview.times) return null;
  return h("div", { class: "next-times", role: "status" },
    h("p", { class: "label" }, preview.times.length === 1 ? "It takes place" : `Its next ${preview.times.length} times`, `, by the clocks of ${preview.zone}`),
    h("ol", {}, preview.times.map(([from, to]) => h("li", { key: from }, h("time", { datetime: from, title: `For you: ${spanIn(from, to)} (${ZONE})` }, spanIn(from, to, preview.zone))))));
}

function Conflict({ conflict }) {
  return h("div", { class: "notice", role: "alert" },
    h("div", {}, h("p", {}, "Somebody has changed it meanwhile. What you have written is kept below; saving again replaces theirs, which is:"),
      h("p", {}, h("strong", { dir: "auto" }, conflict.title)),
      h("p", {}, `${spanIn(conflict.startsAt, conflict.endsAt)} (${ZONE}), `, h("bdi", {}, conflict.systems.map(({ name }) => name).join(", "))),
      conflict.description && h("p", { class: "prose as-written", dir: "auto" }, conflict.description)));
}
