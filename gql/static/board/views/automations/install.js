// Installing a ready-made automation: its form is made of the schema of its parameters.

import { documents } from "../../documents.js";
import { Component, h } from "../../lib/view.js";
import { Dialog } from "../../parts/dialog.js";
import { Field } from "../../parts/field.js";
import { Form } from "../../parts/form.js";
import { Bones, Failure } from "../../parts/states.js";
import { say } from "../../parts/toasts.js";
import { session } from "../../state/session.js";
import { newKey } from "../../state/writes.js";
import { fieldsOf, parametersOf } from "./parameters.js";

/** The dialog: first the choice, then the form. `installed(automation)` is called at the end. */
export class Install extends Component {
  again = newKey();

  async mounted() {
    try {
      const [{ automationTemplates }, systems, channels] = await Promise.all([
        session.client.query(documents.AutomationTemplates),
        session.client.query(documents.MoreSystems, { first: 100 }),
        session.client.query(documents.Channels, { first: 100 }),
      ]);
      Object.assign(this, { templates: automationTemplates, systems: systems.systems.nodes, channels: channels.channels.nodes });
    } catch (error) {
      this.failure = error;
    }
    this.update();
  }

  choose(template) {
    this.chosen = template;
    this.update();
  }

  async submit(values) {
    const { chosen } = this;
    const input = {
      template: chosen.name, name: values.get("name").trim() || undefined, group: values.get("group").trim() || undefined, enabled: values.get("enabled") !== null,
      parameters: parametersOf(chosen.parametersSchema, values), idempotencyKey: this.again,
    };
    try {
      const { installAutomation } = await session.client.mutate(documents.InstallAutomation, { input });
      say("Installed.");
      this.props.onclose();
      this.props.installed(installAutomation.automation);
    } catch (error) {
      this.again = newKey();
      // What is wrong with a parameter is shown at its field.
      for (const one of error.errors ?? []) if (one.field?.[0] === "parameters") one.field = one.field.slice(1);
      throw error;
    }
  }

  render({ onclose }) {
    const { chosen, templates, failure } = this;
    return h(Dialog, { title: chosen ? chosen.displayName : "Ready-made automations", onclose },
      failure ? h(Failure, { reason: failure }) : !templates ? h(Bones, { rows: 5 }) : chosen ? this.renderForm(chosen, onclose) : h("ul", { class: "template-choices" }, templates.map((template) =>
        h("li", { key: template.name }, h("button", { class: "choice-button", onclick: () => this.choose(template) }, h("span", { class: "strong" }, template.displayName), h("span", { class: "muted" }, template.description))))));
  }

  renderForm(template) {
    return h(Form, {
      key: template.name, action: "Install", oncancel: () => this.choose(undefined), onsubmit: (values) => this.submit(values),
      fields: (wrong) => [
        h("p", { class: "muted" }, template.description),
        h(Field, { name: "name", label: "Name", wrong: wrong("name"), control: h("input", { maxlength: 200, placeholder: template.displayName, dir: "auto", autofocus: true }) }),
        fieldsOf(template.parametersSchema, { systems: this.systems, channels: this.channels, wrong }),
        h("details", {}, h("summary", {}, "More"), h("div", { class: "form" },
          h(Field, { name: "group", label: "Group", wrong: wrong("group"), help: "To list it with others.", control: h("input", { maxlength: 120, dir: "auto" }) }),
          h("label", { class: "choice" }, h("input", { type: "checkbox", name: "enabled", checked: true }), "Switch it on at once"))),
      ],
    });
  }
}
