// API tokens: who may do what, until when, and when each was last used.

import { documents } from "../../documents.js";
import { h } from "../../lib/view.js";
import { Confirm } from "../../parts/confirm.js";
import { Dialog } from "../../parts/dialog.js";
import { Field, choices } from "../../parts/field.js";
import { Form, Refusal } from "../../parts/form.js";
import { Pages, pageVariables } from "../../parts/pages.js";
import { Empty } from "../../parts/states.js";
import { Table } from "../../parts/table.js";
import { Ago } from "../../parts/time.js";
import { Limited, Settings, mayManage } from "./frame.js";
import { Once } from "./once.js";
import { POLLED } from "../../state/asked.js";
import { Section } from "./section.js";
import { text, words } from "./texts.js";

const ROLES = {
  VIEWER: "Viewer: reads what is shown to those who are signed in",
  RESPONDER: "Responder: reports and works on incidents",
  ADMIN: "Admin: everything, settings included",
};
const LIVES = { "": "Never", 7: "In a week", 30: "In 30 days", 90: "In 90 days", 365: "In a year" };

/** The list of tokens. */
export class Tokens extends Section {
  static title = "Tokens";

  again() {
    return this.tokens.again();
  }

  render({ parameters }) {
    this.tokens = this.ask("tokens", documents.Tokens, pageVariables(parameters), POLLED);
    const { data } = this.tokens;
    const mine = mayManage(data);
    return h(Settings, {
      section: "tokens", asked: this.tokens, title: "Tokens",
      lead: "A token is how a program, or a person without single sign-on, says who they are. Its secret is shown once.",
      actions: mine && h("button", { class: "button first", onclick: () => this.open(() => this.renderForm()) }, "Create a token"),
    }, this.tokens.loaded && this.renderList(data, mine), this.dialog?.());
  }

  renderList({ tokens: { nodes, pageInfo }, viewer }, mine) {
    if (!nodes.length) {
      return h(Empty, { title: "There are no tokens yet" }, h("p", {}, "Create one for each program and person, with no more than they need: then each can be revoked alone."));
    }
    return [
      h(Limited, { data: { viewer } }),
      h(Table, { label: "Tokens", rows: nodes, columns: [
        { name: "name", label: "Name", cell: ({ id, name }) => [h("bdi", {}, name), id === viewer.actor.id && h("span", { class: "muted" }, " (you)")] },
        { name: "role", label: "Role", cell: ({ role }) => role[0] + role.slice(1).toLowerCase() },
        { name: "systems", label: "Systems", kind: "text", cell: ({ systems }) => systems ? h("bdi", {}, systems.map(({ name }) => name).join(", ")) : "All" },
        { name: "used", label: "Last used", cell: ({ lastUsedAt }) => lastUsedAt ? h(Ago, { at: lastUsedAt }) : h("span", { class: "muted" }, "Never") },
        { name: "expires", label: "Expires", cell: (token) => expiry(token) },
        { name: "actions", label: "Actions", kind: "actions", cell: (token) => mine && !token.revokedAt
          && h("button", { class: "button small", onclick: () => this.open(() => this.renderRevoking(token, token.id === viewer.actor.id)) }, "Revoke", h("span", { class: "visually-hidden" }, ` ${token.name}`)) },
      ] }),
      h(Pages, { info: pageInfo }),
    ];
  }

  renderForm() {
    return h(Dialog, { title: "Create a token", onclose: this.close }, h(Form, {
      action: "Create", oncancel: this.close, onsubmit: (values) => this.create(values),
      fields: (wrong) => [
        h(Field, { name: "name", label: "Name", wrong: wrong("name"), help: "What its changes have as their actor, such as the program's name.", control: h("input", { required: true, maxlength: 200, autofocus: true, autocomplete: "off" }) }),
        h(Field, { name: "role", label: "Role", wrong: wrong("role"), control: choices(ROLES, { value: "RESPONDER" }) }),
        h(Field, { name: "systemIds", label: "Only these systems", wrong: wrong("systemIds"), help: "Keys of systems, such as payments, between commas. Without any, all of them.", control: h("input", { autocomplete: "off", spellcheck: "false" }) }),
        h(Field, { name: "life", label: "Expires", control: choices(LIVES, { value: "90" }) }),
        h(Field, { name: "expiresAt", label: "Or on a day", wrong: wrong("expiresAt"), help: "At the end of that day, by your clock.", control: h("input", { type: "date" }) }),
      ],
    }));
  }

  async create(values) {
    const systemIds = words(values, "systemIds");
    const { secret, token } = await this.send(documents.CreateToken, {
      name: text(values, "name"), role: values.get("role"), expiresAt: expiryOf(values), ...(systemIds.length && { systemIds }),
    });
    this.open(() => h(Once, { title: `The token of ${token.name}`, label: "Token", secret, onclose: this.close },
      h("p", { class: "prose muted" }, "Programs send it as the header ", h("code", {}, "Authorization: Bearer TOKEN"), "; people sign in with it.")));
  }

  renderRevoking(token, isOwn) {
    return h(Confirm, {
      title: "Revoke this token?", action: "Revoke", onclose: this.close,
      onconfirm: () => this.send(documents.RevokeToken, { id: token.id }, "The token is revoked."),
    }, h("p", {}, h("bdi", {}, token.name), " is refused from now on, and its open connections end. That cannot be undone; a new token can be created."),
      isOwn && h("p", {}, h("strong", {}, "You are signed in with it: this signs you out.")));
  }
}

function expiry({ expiresAt, revokedAt }) {
  if (revokedAt) return h("span", { class: "state bad" }, "Revoked ", h(Ago, { at: revokedAt }));
  if (!expiresAt) return h("span", { class: "muted" }, "Never");
  return new Date(expiresAt) < Date.now() ? h("span", { class: "state bad" }, "Expired ", h(Ago, { at: expiresAt })) : h(Ago, { at: expiresAt });
}

function expiryOf(values) {
  const day = text(values, "expiresAt");
  if (day) {
    const end = new Date(`${day}T23:59:59`);
    if (Number.isNaN(end.valueOf())) throw new Refusal("This is no day.", "expiresAt");
    return end.toISOString();
  }
  const days = text(values, "life");
  return days && new Date(Date.now() + Number(days) * 86_400_000).toISOString();
}
