// Writing an automation: its name, its group, its definition. What is written survives a reload, and somebody else's version.

import { documents } from "../../documents.js";
import { keep, kept } from "../../lib/local.js";
import { Page } from "../../lib/page.js";
import { go, to } from "../../lib/router.js";
import { entitle } from "../../lib/title.js";
import { Component, h } from "../../lib/view.js";
import { Field } from "../../parts/field.js";
import { Failure } from "../../parts/states.js";
import { say } from "../../parts/toasts.js";
import { may, session } from "../../state/session.js";
import { newKey } from "../../state/writes.js";
import { DryRun } from "./dry_run.js";
import { Editor } from "./editor.js";
import { Changes } from "./versions.js";

const BEGINNING = `triggers:
  - event: system.degraded
    for: 30m
actions:
  - id: opened
    action: incident.create
    config:
      title: "{{ trigger.payload.systemName }} is in trouble"
      severity: major
      systemIds: ["{{ trigger.payload.systemId }}"]
      dedupeOpenForSystem: true
`;
const FIELDS = ["name", "description", "group"];

/** The form; without an `automation` it makes one. `saved(automation)` is called with what the server has then. */
export class Edit extends Component {
  constructor(props) {
    super(props);
    const { automation } = props;
    this.place = `automation:${automation?.id ?? "new"}`;
    this.base = automation;
    this.again = newKey();
    const before = { name: automation?.name ?? "", description: automation?.description ?? "", group: automation?.group ?? "", text: automation?.yaml ?? BEGINNING };
    const draft = kept(this.place);
    this.before = before;
    this.values = { ...before, ...draft?.values };
    this.isDraft = Boolean(draft);
    if (automation && draft?.version && draft.version !== automation.version) this.theirs = automation;
    this.state = { isValid: false };
    this.wrong = {};
    this.turn = 0;
  }

  set(changes, state) {
    this.values = { ...this.values, ...changes };
    if (state) this.state = state;
    const isChanged = Object.keys(this.before).some((name) => this.values[name] !== this.before[name]);
    keep(this.place, isChanged ? { values: this.values, version: this.base?.version } : undefined);
    this.update();
  }

  discard() {
    keep(this.place, undefined);
    this.values = this.before;
    this.isDraft = false;
    this.turn += 1;
    this.update();
  }

  async submit(event) {
    event.preventDefault();
    const { base, values, state } = this;
    const texts = Object.fromEntries(FIELDS.map((name) => [name, values[name].trim() || null]));
    Object.assign(this, { isBusy: true, wrong: {} });
    this.update();
    try {
      const data = base
        ? await session.client.mutate(documents.UpdateAutomation, { input: { id: base.id, expectedVersion: base.version, definition: values.text, ...texts } })
        : await session.client.mutate(documents.CreateAutomation, { input: { definition: values.text, ...texts, idempotencyKey: this.again } });
      const [{ automation }] = Object.values(data);
      keep(this.place, undefined);
      say("Saved.");
      this.props.saved(automation);
      this.props.onclose?.();
    } catch (error) {
      this.refuse(error);
    }
    this.isBusy = false;
    this.update();
  }

  refuse(error) {
    this.again = newKey();
    if (error.code === "VERSION_CONFLICT") this.theirs = error.data?.updateAutomation?.automation;
    for (const { field, message } of error.errors ?? [error]) this.wrong[FIELDS.find((name) => field?.[0] === name) ?? "form"] ??= message;
  }

  /** Goes on from what somebody else saved: with one's own text, or with theirs. */
  settle(isMine) {
    const { theirs } = this;
    this.base = theirs;
    this.before = { name: theirs.name, description: theirs.description ?? "", group: theirs.group ?? "", text: theirs.yaml };
    Object.assign(this, { theirs: undefined, wrong: {} });
    if (isMine) this.set({});
    else this.discard();
  }

  render({ onclose }) {
    const { values, wrong, theirs, state, base } = this;
    const field = (name, label, extra) => h(Field, { name: `automation-${name}`, label, wrong: wrong[name], control: h("input", { dir: "auto", value: values[name], oninput: (event) => this.set({ [name]: event.target.value }), ...extra }) });
    return h("div", { class: "edit" },
      h("form", { class: "form", onsubmit: (event) => this.submit(event) },
        this.isDraft && !theirs && h("p", { class: "notice" }, "This is what you wrote before and did not save.", h("button", { type: "button", class: "button small", onclick: () => this.discard() }, "Discard it")),
        theirs ? this.renderConflict(theirs) : wrong.form && h("p", { class: "notice critical", role: "alert" }, wrong.form),
        h("div", { class: "form-row" }, field("name", "Name", { required: true, maxlength: 200 }), field("group", "Group", { maxlength: 120 })),
        field("description", "Purpose"),
        h(Editor, { key: `editor ${this.turn}`, text: values.text, changed: (text, found) => this.set({ text }, found) }),
        h("div", { class: "actions" },
          onclose && h("button", { type: "button", class: "button", onclick: onclose }, "Leave the editor"),
          h("button", { class: "button first", disabled: this.isBusy || !state.isValid || Boolean(theirs) }, base ? "Save" : "Create"))),
      state.value && may("ADMIN") && h(DryRun, { id: base?.id, definition: state.value, isDraft: true }));
  }

  renderConflict(theirs) {
    return h("div", { class: "form", role: "alert" },
      h("p", { class: "notice" }, `Somebody saved version ${theirs.version} while you were writing. Yours is below; this is what would change from theirs to yours:`),
      h(Changes, { before: theirs.yaml, after: this.values.text }),
      h("div", { class: "actions" },
        h("button", { type: "button", class: "button", onclick: () => this.settle(false) }, "Go on with theirs"),
        h("button", { type: "button", class: "button", onclick: () => this.settle(true) }, "Keep mine, to save over it")));
  }
}

/** The page on which an automation is written. */
export class NewAutomation extends Page {
  render() {
    entitle("A new automation");
    const refusal = { code: "FORBIDDEN", message: "Only admins write automations." };
    if (session.loaded && !may("ADMIN")) return h("div", {}, h("h1", { class: "visually-hidden" }, "A new automation"), h(Failure, { reason: refusal }));
    return h("div", {},
      h("nav", { class: "crumbs", "aria-label": "You are here" }, h("a", { href: to("automations") }, "Automations")),
      h("h1", { class: "new-head" }, "A new automation"),
      h(Edit, { saved: ({ id }) => go(to(`automations/${id}`)) }));
  }
}
