// One integration: how it is set up, and what it was sent.

import { documents } from "../../documents.js";
import { go, to } from "../../lib/router.js";
import { entitle } from "../../lib/title.js";
import { h } from "../../lib/view.js";
import { Confirm } from "../../parts/confirm.js";
import { Dialog } from "../../parts/dialog.js";
import { Pages, pageVariables } from "../../parts/pages.js";
import { Bones, Empty, Failure } from "../../parts/states.js";
import { Ago } from "../../parts/time.js";
import { say } from "../../parts/toasts.js";
import { Choices } from "./filters.js";
import { Limited, Settings, mayManage } from "./frame.js";
import { Delivery, OUTCOMES } from "./integration_deliveries.js";
import { IntegrationForm } from "./integration_form.js";
import { SetUp, Snippets } from "./integration_set_up.js";
import { HELP, TYPES } from "./integration_types.js";
import { Enabled } from "./integrations.js";
import { Names } from "./names.js";
import { POLLED } from "../../state/asked.js";
import { Section } from "./section.js";

/** The page of an integration. */
export class Integration extends Section {
  static title = "Integration";

  names = new Names(() => this.update());

  again() {
    return Promise.all([this.page.again(), this.deliveries?.again()]);
  }

  render({ id, parameters }) {
    this.page = this.ask("page", documents.IntegrationPage, { id }, POLLED);
    const { data, loaded } = this.page;
    const integration = data?.integration;
    if (loaded && !integration) return h(Settings, { section: "integrations", title: "Integrations" }, h(Empty, { title: "There is no such integration" }, h("a", { class: "button", href: to("settings/integrations") }, "All integrations")));
    if (integration) entitle(integration.name);
    const mine = mayManage(data);
    return h(Settings, {
      section: "integrations", asked: this.page, title: integration?.name ?? "Integration",
      actions: mine && this.renderActions(integration),
    }, integration && [
      h(Limited, { data }),
      this.renderFacts(integration),
      h("h2", {}, "Deliveries"),
      h(Choices, { name: "outcome", label: "Outcomes", words: OUTCOMES }),
      this.renderDeliveries(integration, parameters, mine),
    ], this.dialog?.());
  }

  renderActions(integration) {
    const { id, enabled } = integration;
    return [
      h("button", { class: "button", onclick: () => this.open(() => this.renderForm(integration)) }, "Change"),
      h("button", { class: "button", onclick: () => this.press(documents.UpdateIntegration, { id, enabled: !enabled }, enabled ? "It is disabled: deliveries are refused, and kept." : "It is enabled.") }, enabled ? "Disable" : "Enable"),
      h("button", { class: "button", onclick: () => this.open(() => this.renderRotating(integration)) }, "Replace the token"),
      h("button", { class: "button", onclick: () => this.open(() => this.renderDeleting(integration)) }, "Delete"),
    ];
  }

  renderFacts(integration) {
    const { type, enabled, tokenCreatedAt, createdBy, createdAt } = integration;
    return [
      h("p", { class: "fact-line" }, h(Enabled, { enabled }), h("span", {}, TYPES[type]),
        h("span", { class: "muted" }, "Created ", h(Ago, { at: createdAt }), createdBy?.name && [" by ", h("bdi", {}, createdBy.name)]),
        h("span", { class: "muted" }, "Token made ", h(Ago, { at: tokenCreatedAt }))),
      !enabled && h("p", { class: "notice" }, "Deliveries are refused while it is disabled. They are kept, and can be replayed later."),
      h("details", {}, h("summary", {}, "How the sender is set up"), h("div", { class: "form" }, h("p", { class: "muted prose" }, HELP[type]), h(Snippets, { integration }))),
    ];
  }

  renderDeliveries({ id, keepBodies }, parameters, mine) {
    const outcome = new URLSearchParams(parameters).get("outcome");
    const filter = { integrationId: id, ...(outcome in OUTCOMES && { outcomes: [outcome] }) };
    this.deliveries = this.ask("deliveries", documents.IntegrationDeliveries, { filter, ...pageVariables(parameters) }, { seconds: 5 });
    const { data, loaded, error } = this.deliveries;
    if (error && !loaded) return h(Failure, { reason: error });
    if (!loaded) return h(Bones);
    const { nodes, pageInfo } = data.integrationDeliveries;
    if (!nodes.length) {
      return outcome
        ? h(Empty, { title: `No delivery is of this kind` })
        : h(Empty, { title: "Nothing has come yet" }, h("p", {}, "Set up the sender as above and have it send a test: it appears here within seconds."));
    }
    return [
      h("ol", { class: "deliveries", "aria-label": "Deliveries" }, nodes.map((delivery) =>
        h(Delivery, { key: delivery.id, delivery, names: this.names, turn: this.names.turn, onreplay: mine && keepBodies ? this.replay : undefined }))),
      h(Pages, { info: pageInfo }),
    ];
  }

  replay = async ({ id }) => {
    const payload = await this.press(documents.ReplayDelivery, { id });
    if (!payload) return;
    const { outcome, reason } = payload.delivery;
    say(reason ? `Replayed. ${OUTCOMES[outcome]}: ${reason}` : `Replayed. ${OUTCOMES[outcome]}.`, { bad: outcome === "REFUSED" });
  };

  renderForm(integration) {
    return h(Dialog, { title: `Change ${integration.name}`, onclose: this.close }, h(IntegrationForm, {
      integration, oncancel: this.close,
      onsubmit: async (input) => {
        await this.send(documents.UpdateIntegration, input, "The integration is changed.");
        this.close();
      },
    }));
  }

  renderRotating({ id, name }) {
    return h(Confirm, {
      title: "Replace the token?", action: "Replace", onclose: this.close,
      onconfirm: async () => {
        const payload = await this.send(documents.RotateIntegrationToken, { id });
        return () => this.open(() => h(SetUp, { ...payload, onclose: this.close }));
      },
    }, h("p", {}, "What ", h("bdi", {}, name), " sends with the former token is refused from now on, until the sender has the new one."));
  }

  renderDeleting({ id, name }) {
    return h(Confirm, {
      title: "Delete this integration?", action: "Delete", typed: name, onclose: this.close,
      onconfirm: async () => {
        await this.send(documents.DeleteIntegration, { id }, "The integration is deleted.");
        return () => go(to("settings/integrations"));
      },
    }, h("p", {}, "Its deliveries are deleted, and what the sender sends from now on is refused. Incidents that it opened stay."));
  }
}
