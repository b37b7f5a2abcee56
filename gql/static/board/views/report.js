// The dialog in which somebody reports an incident. What they have written outlives a reload.

import { documents } from "../documents.js";
import { keep, kept } from "../lib/local.js";
import { go, to } from "../lib/router.js";
import { Component, h } from "../lib/view.js";
import { Dialog } from "../parts/dialog.js";
import { Field } from "../parts/field.js";
import { Severity } from "../parts/marks.js";
import { Picker } from "../parts/picker.js";
import { Radios, VISIBILITIES } from "../parts/radios.js";
import { findSystems } from "../state/systems.js";
import { newKey, write } from "../state/writes.js";

const DRAFT = "draft:report";
const MOST_SYSTEMS = 100;
const NEW = { title: "", severity: "", systems: [], message: "", visibility: "PUBLIC" };
const SEVERITIES = [
  ["CRITICAL", "Critical", "It is down, or data is lost. Drop everything."],
  ["MAJOR", "Major", "Much of it fails, or it is slow for many."],
  ["MINOR", "Minor", "Few notice, or there is a way around it."],
];
/** The fields of the input, and those of the form that they come from. */
const FIELDS = { title: "title", severity: "severity", systemIds: "systems", initialMessage: "message", initialVisibility: "visibility" };

/** The dialog. Props: `onclose`, and `systems` that are chosen where nothing was written yet. */
export class Report extends Component {
  constructor(props) {
    super(props);
    const draft = kept(DRAFT);
    this.draft = draft?.systems ? { ...NEW, ...draft } : { ...NEW, systems: props.systems ?? [] };
    this.wrong = {};
  }

  /** Takes what was written, and keeps it; with it the key, by which sending the same twice makes one incident. */
  set(values) {
    this.draft = { ...this.draft, ...values, key: undefined };
    for (const name in values) delete this.wrong[name];
    keep(DRAFT, this.draft);
    this.update();
  }

  discard() {
    keep(DRAFT);
    this.draft = { ...NEW };
    this.wrong = {};
    this.update();
    this.dom.querySelector("input").focus();
  }

  async submit(event) {
    event.preventDefault();
    if (this.isBusy) return;
    this.wrong = missing(this.draft);
    if (Object.keys(this.wrong).length === 0) await this.send();
    this.update();
    // After the next frame, in which the words beside the field are drawn.
    requestAnimationFrame(() => this.dom?.querySelector('[aria-invalid="true"], .radios:has(.wrong) input')?.focus());
  }

  async send() {
    const { title, severity, systems, message, visibility } = this.draft;
    this.draft = { ...this.draft, key: this.draft.key ?? newKey() };
    keep(DRAFT, this.draft);
    this.isBusy = true;
    this.update();
    try {
      const { incident } = await write(documents.ReportIncident, {
        title: title.trim(), severity, systemIds: systems.map(({ id }) => id), idempotencyKey: this.draft.key,
        ...(message.trim() && { initialMessage: message.trim(), initialVisibility: visibility }),
      });
      keep(DRAFT);
      this.props.onclose();
      go(to(`incidents/${incident.reference}`));
    } catch (error) {
      this.wrong = wrongOf(error);
    } finally {
      this.isBusy = false;
    }
  }

  render({ onclose }) {
    const { draft, wrong } = this;
    const isBegun = draft.title !== "" || draft.message !== "" || draft.systems.length > 0;
    return h(Dialog, { title: "Report an incident", onclose },
      h("form", { class: "form", novalidate: true, onsubmit: (event) => this.submit(event), onkeydown: sendByKey },
        wrong.form && h("div", { class: "notice critical", role: "alert" }, h("span", {}, wrong.form)),
        h(Field, {
          name: "report-title", label: "What is wrong?", wrong: wrong.title,
          help: "A title as a customer would say it. Whoever may see incidents reads it.",
          control: h("input", { value: draft.title, autofocus: true, autocomplete: "off", maxlength: 200, dir: "auto", oninput: (event) => this.set({ title: event.target.value }) }),
        }),
        h(Radios, { name: "report-severity", legend: "How bad is it?", options: SEVERITIES.map((option) => [...option, h(Severity, { severity: option[0] })]), value: draft.severity, wrong: wrong.severity, onchange: (severity) => this.set({ severity }) }),
        h(Field, {
          name: "report-systems", label: "Which systems?", wrong: wrong.systems,
          control: h(Picker, { chosen: draft.systems, most: MOST_SYSTEMS, search: findSystems, placeholder: "Click to choose, or type a part of the name", onchange: (systems) => this.set({ systems }) }),
        }),
        h(Field, {
          name: "report-message", label: "First message, if you like", wrong: wrong.message,
          control: h("textarea", { rows: 4, maxlength: 25_000, dir: "auto", placeholder: "What do you know so far? Markdown works.", value: draft.message, oninput: (event) => this.set({ message: event.target.value }) }),
        }),
        draft.message.trim() !== "" && h(Radios, {
          name: "report-visibility", legend: "Who may read the message?", value: draft.visibility, wrong: wrong.visibility,
          options: Object.entries(VISIBILITIES).map(([value, words]) => [value, ...words]), onchange: (visibility) => this.set({ visibility }),
        }),
        h("div", { class: "actions" },
          isBegun && h("button", { type: "button", class: "button quiet", onclick: () => this.discard() }, "Start over"),
          h("button", { class: "button first", disabled: this.isBusy }, this.isBusy ? "Reporting…" : "Report"))));
  }
}

function sendByKey(event) {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.currentTarget.requestSubmit();
}

/** What can be said without asking the server. */
function missing({ title, severity, systems }) {
  return {
    ...(!title.trim() && { title: "Say in a few words what is wrong." }),
    ...(!severity && { severity: "Choose how bad it is." }),
    ...(!systems.length && { systems: "Choose at least one system." }),
  };
}

/** Puts the server's reasons beside the fields that they are about. */
function wrongOf(error) {
  if (!error.errors) return { form: "The server cannot be reached. What you have written is kept: try again, it will not be reported twice." };
  const wrong = {};
  for (const { field, message } of error.errors) {
    const name = FIELDS[field?.[0]] ?? "form";
    wrong[name] = wrong[name] ? `${wrong[name]} ${message}` : message;
  }
  return wrong;
}
