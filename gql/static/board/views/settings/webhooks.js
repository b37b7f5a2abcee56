// Webhooks: the servers that are sent what changes.

import { documents } from "../../documents.js";
import { to } from "../../lib/router.js";
import { h } from "../../lib/view.js";
import { Dialog } from "../../parts/dialog.js";
import { Pages, pageVariables } from "../../parts/pages.js";
import { Empty } from "../../parts/states.js";
import { Table } from "../../parts/table.js";
import { Limited, Settings, mayManage } from "./frame.js";
import { Once } from "./once.js";
import { POLLED } from "../../state/asked.js";
import { Section } from "./section.js";
import { WebhookForm } from "./webhook_form.js";
import { WebhookState } from "./webhook_state.js";

/** The list of webhooks. */
export class Webhooks extends Section {
  static title = "Webhooks";

  again() {
    return this.webhooks.again();
  }

  render({ parameters }) {
    this.webhooks = this.ask("webhooks", documents.Webhooks, pageVariables(parameters), POLLED);
    const { data } = this.webhooks;
    return h(Settings, {
      section: "webhooks", asked: this.webhooks, title: "Webhooks",
      lead: "A webhook is a server of yours that is sent what changes: signed, in order, and again until it is taken.",
      actions: mayManage(data) && h("button", { class: "button first", onclick: () => this.open(() => this.renderForm()) }, "Create a webhook"),
    }, this.webhooks.loaded && this.renderList(data), this.dialog?.());
  }

  renderList({ webhooks: { nodes, pageInfo }, viewer }) {
    if (!nodes.length) return h(Empty, { title: "Nothing is sent anywhere yet" }, h("p", {}, "Create a webhook, and a server of yours hears of each change of an incident."));
    return [
      h(Limited, { data: { viewer } }),
      h(Table, { label: "Webhooks", rows: nodes, columns: [
        { name: "name", label: "Name", cell: ({ id, name }) => h("a", { href: to(`settings/webhooks/${id}`) }, h("bdi", {}, name)) },
        { name: "state", label: "State", kind: "text", cell: (webhook) => h(WebhookState, { webhook }) },
        { name: "url", label: "Address", kind: "text", cell: ({ url }) => h("code", { class: "clamped", dir: "ltr", title: url }, url) },
      ] }),
      h(Pages, { info: pageInfo }),
    ];
  }

  renderForm() {
    return h(Dialog, { title: "Create a webhook", onclose: this.close }, h(WebhookForm, { oncancel: this.close, onsubmit: (input) => this.create(input) }));
  }

  async create(input) {
    const { webhook, secret } = await this.send(documents.CreateWebhook, input);
    this.open(() => h(Signing, { webhook, secret, onclose: this.close }));
  }
}

/** The dialog with the signing secret of a webhook. */
export function Signing({ webhook, secret, onclose }) {
  return h(Once, { title: `The signing secret of ${webhook.name}`, label: "Signing secret", secret, onclose },
    h("p", { class: "prose muted" }, "The receiver checks each delivery with it: the headers webhook-id, webhook-timestamp and webhook-signature are those of ",
      h("a", { href: "https://www.standardwebhooks.com", target: "_blank", rel: "noreferrer" }, "Standard Webhooks"), ", with libraries for most languages."));
}
