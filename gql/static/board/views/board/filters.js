// Which incidents the board shows. All of it is in the address, so that a link is a view.

import { setParameters } from "../../lib/router.js";
import { Component, h } from "../../lib/view.js";
import { Icon } from "../../parts/icons.js";
import { SEVERITIES, STATUSES, Severity } from "../../parts/marks.js";
import { Picker } from "../../parts/picker.js";
import { may, session } from "../../state/session.js";
import { findSystems } from "../../state/systems.js";

const PAUSE_MILLIS = 250;
const DAY_MILLIS = 86_400_000;
/** The names in the address. */
export const NAMES = ["severity", "status", "system", "label", "mine", "text"];
const DAYS = { 1: "Resolved, 24 hours", 7: "Resolved, 7 days", 30: "Resolved, 30 days" };
const OPEN_STATUSES = Object.fromEntries(Object.entries(STATUSES).filter(([status]) => status !== "RESOLVED"));

/** Returns what an address asks for, without what makes no sense. */
export function choiceFrom(search) {
  const parameters = new URLSearchParams(search);
  const listed = (name) => (parameters.get(name) ?? "").split(",").map((value) => value.trim()).filter(Boolean);
  const known = (name, words) => listed(name).map((value) => value.toUpperCase()).filter((value) => value in words);
  const resolved = Number(parameters.get("resolved"));
  return {
    severity: known("severity", SEVERITIES),
    status: known("status", OPEN_STATUSES),
    system: listed("system").slice(0, 100),
    label: (parameters.get("label") ?? "").trim(),
    mine: parameters.get("mine") === "1",
    text: (parameters.get("text") ?? "").trim().slice(0, 1000),
    days: resolved in DAYS ? resolved : 0,
  };
}

/** Returns how many of the filters are set. */
export const countOf = (choice) => NAMES.filter((name) => (Array.isArray(choice[name]) ? choice[name].length : choice[name])).length;

/** Returns the API's filter. `now` stays the same while the page is shown, or the list would begin again and again. */
export function filterOf({ severity, status, system, label, mine, text, days }, now) {
  const [key, ...value] = label.split(":");
  const me = session.viewer?.id;
  return {
    ...(days ? { resolvedAt: { gte: new Date(now - days * DAY_MILLIS).toISOString() } } : { open: true }),
    ...(severity.length && { severity: { in: severity } }),
    ...(status.length && !days && { status: { in: status } }),
    ...(system.length && { system: { in: system } }),
    ...(key && { label: { key, ...(value.length && { eq: value.join(":") }) } }),
    ...(mine && me && may("RESPONDER") && { or: [{ lead: { eq: me } }, { assignee: { eq: me } }] }),
    ...(text && { text }),
  };
}

/** The bar above the incidents. Props: `choice`. */
export class Filters extends Component {
  constructor(props) {
    super(props);
    this.text = props.choice.text;
  }

  removed() {
    clearTimeout(this.timer);
  }

  type(event) {
    this.text = event.target.value;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.search(), PAUSE_MILLIS);
  }

  search() {
    clearTimeout(this.timer);
    setParameters({ text: this.text.trim() });
  }

  clear() {
    clearTimeout(this.timer);
    this.text = "";
    setParameters(Object.fromEntries(NAMES.map((name) => [name, ""])));
  }

  render({ choice }) {
    // The address changed by itself, as by going back.
    if (this.former !== choice.text && choice.text !== this.text.trim()) this.text = choice.text;
    this.former = choice.text;
    const more = countOf({ ...choice, text: "" });
    // Not all of them are always on the screen.
    return h("search", { class: this.isOpen ? "filters is-open" : "filters" },
      h("div", { class: "filters-bar" },
        h("label", { class: "search" }, h(Icon, { name: "search" }), h("span", { class: "visually-hidden" }, "Search"),
          h("input", {
            type: "search", id: "board-search", placeholder: "Search", maxlength: 1000, value: this.text, autocomplete: "off", spellcheck: "false",
            oninput: (event) => this.type(event),
            onkeydown: (event) => (event.key === "Enter" ? this.search() : event.key === "Escape" && !this.text && event.target.blur()),
          })),
        h("div", { class: "toggles can-fold", role: "group", "aria-label": "Severity" }, Object.keys(SEVERITIES).map((severity) =>
          h(Toggle, { key: severity, name: "severity", value: severity, values: choice.severity.join() }, h(Severity, { severity })))),
        may("RESPONDER") && h("button", { class: "button small toggle can-fold", "aria-pressed": choice.mine ? "true" : "false", onclick: () => setParameters({ mine: choice.mine ? "" : "1" }) }, "Mine"),
        h("button", { class: "button small toggle", "aria-expanded": this.isOpen ? "true" : "false", "aria-controls": "board-more", onclick: () => this.fold() }, more ? `Filters: ${more}` : "Filters"),
        countOf(choice) > 0 && h("button", { class: "button small quiet", onclick: () => this.clear() }, "Clear"),
        h("select", { class: "view-choice can-fold", "aria-label": "Open or resolved", value: String(choice.days || ""), onchange: (event) => setParameters({ resolved: event.target.value }) },
          h("option", { value: "", selected: !choice.days }, "Open"),
          Object.entries(DAYS).map(([days, word]) => h("option", { key: days, value: days, selected: Number(days) === choice.days }, word)))),
      h("div", { class: "filters-more", id: "board-more", hidden: !this.isOpen }, this.isOpen && this.more(choice)));
  }

  fold() {
    this.isOpen = !this.isOpen;
    this.update();
  }

  more(choice) {
    return [
      h("div", { class: "field" },
        h("span", { class: "label" }, "Status"),
        h("div", { class: "toggles", role: "group", "aria-label": "Status" }, Object.entries(OPEN_STATUSES).map(([status, word]) =>
          h(Toggle, { key: status, name: "status", value: status, values: choice.status.join() }, word)))),
      h("div", { class: "field" },
        h("label", { for: "board-system" }, "Systems"),
        h(Picker, {
          id: "board-system", name: "system", chosen: choice.system.map((key) => ({ id: key, name: key })), placeholder: "Any system",
          search: findKeys, onchange: (chosen) => setParameters({ system: chosen.map(({ id }) => id).join() }),
        })),
      h("div", { class: "field" },
        h("label", { for: "board-label" }, "Label"),
        h("input", { id: "board-label", placeholder: "team:shop", value: choice.label, maxlength: 265, autocomplete: "off", spellcheck: "false", onchange: (event) => setParameters({ label: event.target.value.trim() }) })),
    ];
  }
}

/** Addresses are for people: they have keys in them. */
async function findKeys(text) {
  const { items, totalCount } = await findSystems(text);
  return { items: items.map(({ note, name }) => ({ id: note, name, note })), totalCount };
}

function Toggle({ name, value, values, children }) {
  const chosen = values ? values.split(",") : [];
  const isOn = chosen.includes(value);
  const next = isOn ? chosen.filter((other) => other !== value) : [...chosen, value];
  return h("button", { class: "button small toggle", "aria-pressed": isOn ? "true" : "false", onclick: () => setParameters({ [name]: next.join().toLowerCase() }) }, children);
}
