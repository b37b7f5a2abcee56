// Channels: the rooms, mailboxes and phones that automations send messages to.

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
import { say } from "../../parts/toasts.js";
import { reasonOf } from "../../state/reasons.js";
import { session } from "../../state/session.js";
import { Limited, Settings, mayManage } from "./frame.js";
import { POLLED } from "../../state/asked.js";
import { Section } from "./section.js";
import { text } from "./texts.js";

const EXAMPLES = {
  "Slack": "slack://TokenA/TokenB/TokenC/#alerts",
  "Mail": "mailtos://user:password@mail.example.com?to=oncall@example.com",
  "Microsoft Teams": "workflows://host/workflow/signature",
  "ntfy": "ntfys://ntfy.example.com/ops",
  "Telegram": "tgram://bottoken/ChatID",
  "Matrix": "matrixs://user:password@matrix.example.com/#room",
  "Any web server": "jsons://host.example.com/path",
};

/** The list of channels. */
export class Channels extends Section {
  static title = "Channels";

  again() {
    return this.channels.again();
  }

  render({ parameters }) {
    this.channels = this.ask("channels", documents.Channels, pageVariables(parameters), POLLED);
    const { data } = this.channels;
    const mine = mayManage(data);
    return h(Settings, {
      section: "channels", asked: this.channels, title: "Channels",
      lead: "A channel is a place where people read messages. Automations send to it by its name.",
      actions: mine && h("button", { class: "button first", onclick: () => this.open(() => this.renderForm()) }, "Create a channel"),
    }, this.channels.loaded && this.renderList(data, mine), this.dialog?.());
  }

  renderList({ channels: { nodes, pageInfo }, viewer }, mine) {
    if (!nodes.length) return h(Empty, { title: "There are no channels yet" }, h("p", {}, "Create one for the room or mailbox that is to hear of incidents, then have an automation notify it."));
    return [
      h(Limited, { data: { viewer } }),
      h(Table, { label: "Channels", rows: nodes, columns: [
        { name: "name", label: "Name", cell: ({ name }) => h("bdi", {}, name) },
        { name: "service", label: "Service", cell: ({ service }) => service },
        { name: "address", label: "Address", kind: "text", cell: ({ address }) => h("code", { dir: "ltr" }, address) },
        { name: "changed", label: "Changed", cell: ({ updatedAt }) => h(Ago, { at: updatedAt }) },
        { name: "actions", label: "Actions", kind: "actions", cell: (channel) => mine && this.renderActions(channel) },
      ] }),
      h(Pages, { info: pageInfo }),
    ];
  }

  renderActions(channel) {
    const named = h("span", { class: "visually-hidden" }, ` ${channel.name}`);
    return [
      h("button", { class: "button small", disabled: this.testing === channel.id, onclick: () => this.test(channel) }, this.testing === channel.id ? "Sending" : "Test", named),
      h("button", { class: "button small", onclick: () => this.open(() => this.renderForm(channel)) }, "Change", named),
      h("button", { class: "button small", onclick: () => this.open(() => this.renderDeleting(channel)) }, "Delete", named),
    ];
  }

  renderForm(channel) {
    return h(Dialog, { title: channel ? "Change the channel" : "Create a channel", onclose: this.close }, h(Form, {
      action: channel ? "Save" : "Create", oncancel: this.close, onsubmit: (values) => this.save(values, channel),
      fields: (wrong) => [
        h(Field, { name: "name", label: "Name", wrong: wrong("name"), help: "Automations send to it by this name.", control: h("input", { required: true, maxlength: 200, autofocus: true, autocomplete: "off", value: channel?.name ?? "" }) }),
        h(Field, {
          name: "url", label: channel ? "Another URL" : "URL", wrong: wrong("url"),
          help: channel ? "Leave it empty to keep the one that it has. It is stored encrypted, and cannot be shown." : "It is a secret: stored encrypted, and never shown again.",
          control: h("input", { type: "password", class: "code", required: !channel, maxlength: 4_000, autocomplete: "off", spellcheck: "false" }),
        }),
        h("details", {}, h("summary", {}, "How URLs look"),
          h("dl", { class: "examples" }, Object.entries(EXAMPLES).map(([service, url]) => h("div", { key: service }, h("dt", {}, service), h("dd", {}, h("code", {}, url))))),
          h("p", { class: "muted small" }, "Over a hundred services have one: ", h("a", { href: "https://appriseit.com/services/", target: "_blank", rel: "noreferrer" }, "all of them"), ".")),
      ],
    }));
  }

  async save(values, channel) {
    const input = { name: text(values, "name"), url: text(values, "url") };
    if (channel) await this.send(documents.UpdateChannel, { id: channel.id, ...input }, "The channel is changed.");
    else await this.send(documents.CreateChannel, input, "The channel is there. Send a test to see that it works.");
    this.close();
  }

  async test({ id, name }) {
    this.testing = id;
    this.update();
    try {
      await session.client.mutate(documents.TestChannel, { input: { id } });
      say(`The service of ${name} took the message. Look whether it came.`);
    } catch (error) {
      say(`${name}: ${reasonOf(error)}`, { bad: true });
    }
    this.testing = undefined;
    this.update();
  }

  renderDeleting(channel) {
    return h(Confirm, {
      title: "Delete this channel?", action: "Delete", onclose: this.close,
      onconfirm: () => this.send(documents.DeleteChannel, { id: channel.id }, "The channel is deleted."),
    }, h("p", {}, "Steps of automations that send to ", h("bdi", {}, channel.name), " fail from now on. Its URL is forgotten."));
  }
}
