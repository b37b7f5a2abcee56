// Integrations: the addresses that monitors send their alerts to.

import { documents } from "../../documents.js";
import { to } from "../../lib/router.js";
import { h } from "../../lib/view.js";
import { Dialog } from "../../parts/dialog.js";
import { Pages, pageVariables } from "../../parts/pages.js";
import { Empty } from "../../parts/states.js";
import { Table } from "../../parts/table.js";
import { Ago } from "../../parts/time.js";
import { Limited, Settings, mayManage } from "./frame.js";
import { IntegrationForm } from "./integration_form.js";
import { SetUp } from "./integration_set_up.js";
import { TYPES } from "./integration_types.js";
import { POLLED } from "../../state/asked.js";
import { Section } from "./section.js";

/** The list of integrations. */
export class Integrations extends Section {
  static title = "Integrations";

  again() {
    return this.integrations.again();
  }

  render({ parameters }) {
    this.integrations = this.ask("integrations", documents.Integrations, pageVariables(parameters), POLLED);
    const { data } = this.integrations;
    const mine = mayManage(data);
    return h(Settings, {
      section: "integrations", asked: this.integrations, title: "Integrations",
      lead: "Monitors open and resolve incidents by themselves: each sends its alerts to an address of this server, with a token of its own.",
      actions: mine && h("button", { class: "button first", onclick: () => this.open(() => this.renderForm()) }, "Create an integration"),
    }, this.integrations.loaded && this.renderList(data), this.dialog?.());
  }

  renderList({ integrations: { nodes, pageInfo }, viewer }) {
    if (!nodes.length) return h(Empty, { title: "No monitor is connected yet" }, h("p", {}, "Create an integration, give the monitor its address and token, and alerts become incidents."));
    return [
      h(Limited, { data: { viewer } }),
      h(Table, { label: "Integrations", rows: nodes, columns: [
        { name: "name", label: "Name", cell: ({ id, name }) => h("a", { href: to(`settings/integrations/${id}`) }, h("bdi", {}, name)) },
        { name: "type", label: "Sender", cell: ({ type }) => TYPES[type] },
        { name: "state", label: "State", cell: ({ enabled }) => h(Enabled, { enabled }) },
        { name: "path", label: "Address", kind: "text", cell: ({ path }) => h("code", {}, path) },
        { name: "changed", label: "Changed", cell: ({ updatedAt }) => h(Ago, { at: updatedAt }) },
      ] }),
      h(Pages, { info: pageInfo }),
    ];
  }

  renderForm() {
    return h(Dialog, { title: "Create an integration", onclose: this.close },
      h(IntegrationForm, { oncancel: this.close, onsubmit: (input) => this.create(input) }));
  }

  async create(input) {
    const { integration, token } = await this.send(documents.CreateIntegration, input);
    this.open(() => h(SetUp, { integration, token, onclose: this.close }));
  }
}

/** Whether an integration or a webhook is enabled, in words. */
export function Enabled({ enabled }) {
  return enabled ? h("span", { class: "state good" }, "Enabled") : h("span", { class: "state" }, "Disabled");
}
