// The form of a system, in a dialog: a new one, or the name and the description of one there is.

import { documents } from "../../documents.js";
import { Component, h } from "../../lib/view.js";
import { session } from "../../state/session.js";
import { newKey } from "../../state/writes.js";
import { Dialog } from "../../parts/dialog.js";
import { Field } from "../../parts/field.js";

/** The dialog: `system` is there to be edited; `saved(system)` is called with what the server has then. */
export class SystemDialog extends Component {
  wrong = {};
  again = newKey();
  values = { name: this.props.system?.name ?? "", key: "", description: this.props.system?.description ?? "" };
  began = this.props.system;

  set(name, value) {
    this.values = { ...this.values, [name]: value };
    this.update();
  }

  get key() {
    return this.values.key || keyOf(this.values.name);
  }

  async submit(event) {
    event.preventDefault();
    const dialog = event.target.closest("dialog");
    const { system, saved } = this.props;
    const { name, description } = this.values;
    Object.assign(this, { isBusy: true, wrong: {} });
    this.update();
    try {
      const data = system
        ? await session.client.mutate(documents.UpdateSystem, { input: { id: system.id, name, description: description.trim() || null, expectedVersion: this.began.version } })
        : await session.client.mutate(documents.CreateSystem, { input: { name, key: this.key, description: description.trim() || null, idempotencyKey: this.again } });
      dialog.close();
      saved(Object.values(data)[0].system);
    } catch (error) {
      this.refuse(error);
    }
    this.isBusy = false;
    this.update();
  }

  refuse(error) {
    this.again = newKey();
    if (error.code === "CONFLICT" || error.code === "VERSION_CONFLICT") this.theirs = error.data?.updateSystem?.system;
    for (const { field, message } of error.errors ?? [error]) this.wrong[["name", "key", "description"].find((name) => field?.includes(name)) ?? "form"] ??= message;
  }

  take(theirs) {
    this.began = theirs;
    this.theirs = undefined;
    this.wrong = {};
    this.update();
  }

  render({ system, onclose }) {
    return h(Dialog, { title: system ? "Edit the system" : "Add a system", onclose }, h("form", { class: "form", onsubmit: (event) => this.submit(event) },
      this.theirs ? this.renderConflict() : this.wrong.form && h("p", { class: "notice critical", role: "alert" }, this.wrong.form),
      h(Field, { name: "system-name", label: "Name", wrong: this.wrong.name, control: h("input", { required: true, maxlength: 200, dir: "auto", autofocus: true, value: this.values.name, oninput: (event) => this.set("name", event.target.value) }) }),
      !system && h(Field, {
        name: "system-key", label: "Key", wrong: this.wrong.key, help: "For monitors and links. It never changes: lower-case letters, digits, dots, dashes and underscores.",
        control: h("input", { maxlength: 100, required: true, spellcheck: "false", autocapitalize: "none", value: this.key, oninput: (event) => this.set("key", event.target.value) }),
      }),
      h(Field, { name: "system-description", label: "Description", wrong: this.wrong.description, help: "What it does, for people who do not know it.", control: h("textarea", { dir: "auto", value: this.values.description, oninput: (event) => this.set("description", event.target.value) }) }),
      h("div", { class: "actions" }, h("button", { class: "button first", disabled: this.isBusy || Boolean(this.theirs) }, system ? "Save" : "Add"))));
  }

  renderConflict() {
    const { theirs, values } = this;
    const text = ({ name, description }) => h("div", { class: "conflict-text" }, h("bdi", { class: "conflict-name" }, name), h("p", { dir: "auto" }, description || "No description"));
    return h("div", { class: "form", role: "alert" },
      h("p", { class: "notice" }, "Somebody changed it while you were writing."),
      h("div", { class: "conflict" }, h("section", {}, h("h3", {}, "Theirs"), text(theirs)), h("section", {}, h("h3", {}, "Yours"), text(values))),
      h("div", { class: "actions" },
        h("button", { type: "button", class: "button", onclick: () => (this.values = { ...values, name: theirs.name, description: theirs.description ?? "" }, this.take(theirs)) }, "Go on with theirs"),
        h("button", { type: "button", class: "button", onclick: () => this.take(theirs) }, "Keep mine, to save over it")));
  }
}

/** Returns a key that a name suggests. */
function keyOf(name) {
  return name.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase().replace(/[^a-z0-9._]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 100);
}
