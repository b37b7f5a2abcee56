// One webhook: how it works, and what it was sent, gaps included.

import { documents } from "../../documents.js";
import { go, to } from "../../lib/router.js";
import { entitle } from "../../lib/title.js";
import { h } from "../../lib/view.js";
import { Confirm } from "../../parts/confirm.js";
import { Copyable } from "../../parts/copy.js";
import { Dialog } from "../../parts/dialog.js";
import { Field } from "../../parts/field.js";
import { Form } from "../../parts/form.js";
import { Empty } from "../../parts/states.js";
import { Ago } from "../../parts/time.js";
import { say } from "../../parts/toasts.js";
import { reasonOf } from "../../state/reasons.js";
import { session } from "../../state/session.js";
import { Limited, Settings, mayManage } from "./frame.js";
import { Names } from "./names.js";
import { POLLED } from "../../state/asked.js";
import { Section } from "./section.js";
import { text, written } from "./texts.js";
import { WebhookDeliveries } from "./webhook_deliveries.js";
import { WebhookForm } from "./webhook_form.js";
import { AUDIENCES, WebhookState } from "./webhook_state.js";
import { Signing } from "./webhooks.js";

/** The page of a webhook. */
export class Webhook extends Section {
  static title = "Webhook";

  names = new Names(() => this.update());

  again() {
    return Promise.all([this.page.again(), this.deliveries?.again()]);
  }

  render({ id, parameters }) {
    this.page = this.ask("page", documents.WebhookPage, { id }, POLLED);
    const { data, loaded } = this.page;
    const webhook = data?.webhook;
    if (loaded && !webhook) return h(Settings, { section: "webhooks", title: "Webhooks" }, h(Empty, { title: "There is no such webhook" }, h("a", { class: "button", href: to("settings/webhooks") }, "All webhooks")));
    if (webhook) entitle(webhook.name);
    const mine = mayManage(data);
    return h(Settings, { section: "webhooks", asked: this.page, title: webhook?.name ?? "Webhook", actions: mine && this.renderActions(webhook) }, webhook && [
      h(Limited, { data }),
      this.renderFacts(webhook, mine),
      h("h2", {}, "Deliveries"),
      WebhookDeliveries({ page: this, id, parameters, mine }),
    ], this.dialog?.());
  }

  renderActions(webhook) {
    const { id, enabled } = webhook;
    return [
      h("button", { class: "button first", disabled: this.isTesting, onclick: () => this.test(webhook) }, this.isTesting ? "Sending" : "Send a test"),
      h("button", { class: "button", onclick: () => this.open(() => this.renderForm(webhook)) }, "Change"),
      h("button", { class: "button", onclick: () => this.press(documents.UpdateWebhook, { id, enabled: !enabled }, enabled ? "It is disabled: nothing is sent." : "It is enabled, and gets the changes from now on.") }, enabled ? "Disable" : "Enable"),
      h("button", { class: "button", onclick: () => this.open(() => this.renderAgain(webhook)) }, "Send again"),
      h("button", { class: "button", onclick: () => this.open(() => this.renderRotating(webhook)) }, "Replace the secret"),
      h("button", { class: "button", onclick: () => this.open(() => this.renderDeleting(webhook)) }, "Delete"),
    ];
  }

  renderFacts(webhook, mine) {
    const { id, url, document, variables, audience, enabled, disabledAt, gapSince, createdAt, createdBy, secretCreatedAt, formerSecretUntil } = webhook;
    return [
      h("p", { class: "fact-line" }, h(WebhookState, { webhook }),
        !enabled && disabledAt && h("span", { class: "muted" }, h(Ago, { at: disabledAt })),
        h("span", { class: "muted" }, "Created ", h(Ago, { at: createdAt }), createdBy?.name && [" by ", h("bdi", {}, createdBy.name)]),
        h("span", { class: "muted" }, "Secret made ", h(Ago, { at: secretCreatedAt }))),
      formerSecretUntil && new Date(formerSecretUntil) > Date.now() && h("p", { class: "notice" }, h("span", {}, "Deliveries are signed with the former secret as well, until ", h(Ago, { at: formerSecretUntil }), ".")),
      gapSince && h("div", { class: "notice gap" },
        h("span", {}, "There is a gap: changes since ", h(Ago, { at: gapSince }), " were given up, because the receiver did not take them for a day."),
        mine && h("button", { class: "button small", onclick: () => this.press(documents.RedeliverWebhook, { id }, "What was given up is sent again.") }, "Send the gap again")),
      h("p", {}, h("code", { dir: "ltr" }, url)),
      h("p", { class: "muted" }, `It gets ${AUDIENCES[audience][0].toLowerCase()}${AUDIENCES[audience].slice(1)}, ${document ? "as answers of its subscription" : "as CloudEvents of all trigger events"}.`),
      document && h("details", {}, h("summary", {}, "Its subscription"), h("div", { class: "form" },
        h(Copyable, { label: "Subscription", text: document, isBlock: true }),
        Object.keys(variables).length > 0 && h(Copyable, { label: "Variables", text: written(variables), isBlock: true }))),
    ];
  }

  async test({ id }) {
    this.isTesting = true;
    this.update();
    try {
      const { testWebhook: { accepted, responseStatus, reason, durationMillis } } = await session.client.mutate(documents.TestWebhook, { input: { id } });
      if (accepted) say(`The receiver took it: ${responseStatus}, in ${durationMillis} ms.`);
      else say(`The receiver did not take it. ${reason ?? `It answered ${responseStatus}.`}`, { bad: true });
    } catch (error) {
      say(reasonOf(error), { bad: true });
    }
    this.isTesting = false;
    this.update();
  }

  renderForm(webhook) {
    return h(Dialog, { title: `Change ${webhook.name}`, onclose: this.close }, h(WebhookForm, {
      webhook, oncancel: this.close,
      onsubmit: async (input) => {
        await this.send(documents.UpdateWebhook, input, "The webhook is changed.");
        this.close();
      },
    }));
  }

  renderAgain({ id }) {
    return h(Dialog, { title: "Send again", onclose: this.close }, h(Form, {
      action: "Send again", oncancel: this.close,
      fields: (wrong) => [h(Field, {
        name: "after", label: "Everything behind this cursor", wrong: wrong("after"),
        help: "The cursor of the last body that the receiver kept. Without one, what was given up, up to 1,000 deliveries. Receivers know a repeat by its webhook-id.",
        control: h("input", { class: "code", autofocus: true, autocomplete: "off", spellcheck: "false" }),
      })],
      onsubmit: async (values) => {
        await this.send(documents.RedeliverWebhook, { id, after: text(values, "after") }, "It is queued, and sent in order.");
        this.close();
      },
    }));
  }

  renderRotating({ id, name }) {
    return h(Confirm, {
      title: "Replace the signing secret?", action: "Replace", isSafe: true, onclose: this.close,
      onconfirm: async () => {
        const payload = await this.send(documents.RotateWebhookSecret, { id });
        return () => this.open(() => h(Signing, { ...payload, onclose: this.close }));
      },
    }, h("p", {}, "For a day, deliveries to ", h("bdi", {}, name), " are signed with both, so that none is lost while the receiver is configured."));
  }

  renderDeleting({ id, name }) {
    return h(Confirm, {
      title: "Delete this webhook?", action: "Delete", typed: name, onclose: this.close,
      onconfirm: async () => {
        await this.send(documents.DeleteWebhook, { id }, "The webhook is deleted.");
        return () => go(to("settings/webhooks"));
      },
    }, h("p", {}, "Its deliveries are deleted, and what is pending is not sent."));
  }
}
