// Secrets of automations: their names. No answer ever holds a value.

import { documents } from "../../documents.js";
import { h } from "../../lib/view.js";
import { Confirm } from "../../parts/confirm.js";
import { Dialog } from "../../parts/dialog.js";
import { Field } from "../../parts/field.js";
import { Form } from "../../parts/form.js";
import { Pages, pageVariables } from "../../parts/pages.js";
import { Empty } from "../../parts/states.js";
import { Table } from "../../parts/table.js";
import { Ago } from "../../parts/time.js";
import { Limited, Settings, mayManage } from "./frame.js";
import { POLLED } from "../../state/asked.js";
import { Section } from "./section.js";
import { text } from "./texts.js";

/** The list of secrets. */
export class Secrets extends Section {
  static title = "Secrets";

  again() {
    return this.secrets.again();
  }

  render({ parameters }) {
    this.secrets = this.ask("secrets", documents.Secrets, pageVariables(parameters), POLLED);
    const { data } = this.secrets;
    const mine = mayManage(data);
    return h(Settings, {
      section: "secrets", asked: this.secrets, title: "Secrets",
      lead: "Automations use a secret by its name. Its value is stored encrypted; it can be replaced, and never read.",
      actions: mine && h("button", { class: "button first", onclick: () => this.open(() => this.renderForm()) }, "Store a secret"),
    }, this.secrets.loaded && this.renderList(data, mine), this.dialog?.());
  }

  renderList({ secrets: { nodes, pageInfo }, viewer }, mine) {
    if (!nodes.length) return h(Empty, { title: "There are no secrets yet" }, h("p", {}, "Store the passwords and tokens that requests of automations need, instead of writing them into definitions."));
    return [
      h(Limited, { data: { viewer } }),
      h(Table, { label: "Secrets", rows: nodes, columns: [
        { name: "name", label: "Name", cell: ({ name }) => h("code", {}, name) },
        { name: "use", label: "In automations", kind: "text", cell: ({ name }) => h("code", {}, `\${{ secrets.${name} }}`) },
        { name: "changed", label: "Value set", cell: ({ updatedAt }) => h(Ago, { at: updatedAt }) },
        { name: "actions", label: "Actions", kind: "actions", cell: (secret) => mine && [
          h("button", { class: "button small", onclick: () => this.open(() => this.renderForm(secret)) }, "Replace", h("span", { class: "visually-hidden" }, ` ${secret.name}`)),
          h("button", { class: "button small", onclick: () => this.open(() => this.renderDeleting(secret)) }, "Delete", h("span", { class: "visually-hidden" }, ` ${secret.name}`)),
        ] },
      ] }),
      h(Pages, { info: pageInfo }),
    ];
  }

  renderForm(secret) {
    return h(Dialog, { title: secret ? `Replace ${secret.name}` : "Store a secret", onclose: this.close }, h(Form, {
      action: secret ? "Replace" : "Store", oncancel: this.close, onsubmit: (values) => this.save(values, secret),
      fields: (wrong) => [
        !secret && h(Field, { name: "name", label: "Name", wrong: wrong("name"), help: "1 to 64 letters, digits, underscores and dashes.", control: h("input", { class: "code", required: true, maxlength: 64, autofocus: true, autocomplete: "off", spellcheck: "false" }) }),
        h(Field, { name: "value", label: "Value", wrong: wrong("value"), help: secret ? "Steps that begin from now on get the new one." : "4 characters to 16 kB. Nobody can read it again.", control: h("input", { type: "password", required: true, autocomplete: "off" }) }),
      ],
    }));
  }

  async save(values, secret) {
    const value = values.get("value");
    if (secret) await this.send(documents.UpdateSecret, { id: secret.id, value }, "The value is replaced.");
    else await this.send(documents.CreateSecret, { name: text(values, "name"), value }, "The secret is stored.");
    this.close();
  }

  renderDeleting(secret) {
    return h(Confirm, {
      title: "Delete this secret?", action: "Delete", onclose: this.close,
      onconfirm: () => this.send(documents.DeleteSecret, { id: secret.id }, "The secret is deleted."),
    }, h("p", {}, "Steps of automations that name ", h("code", {}, secret.name), " fail from now on."));
  }
}
