// How a sender is set up: its address, its token this once, and what to paste.

import { to } from "../../lib/router.js";
import { h } from "../../lib/view.js";
import { Copyable } from "../../parts/copy.js";
import { TYPES, addressOf, snippetsOf } from "./integration_types.js";
import { Once } from "./once.js";

/** The dialog after an integration was created, or its token replaced. */
export function SetUp({ integration, token, onclose }) {
  return h(Once, { title: `Set up ${TYPES[integration.type]}`, label: "Token", secret: token, onclose },
    h(Snippets, { integration, token }),
    h("p", { class: "muted small" }, "What it sends shows under ", h("a", { href: to(`settings/integrations/${integration.id}`), onclick: onclose }, "its deliveries"), "."));
}

/** The address, and what to paste; without a token, with a place for it. */
export function Snippets({ integration, token }) {
  const snippets = snippetsOf(integration, token);
  return h("div", { class: "form" },
    h(Copyable, { label: "Address", text: addressOf(integration.path) }),
    snippets.filter(({ text }) => text !== addressOf(integration.path)).map(({ where, text }) => h(Copyable, { key: where, label: where, text, isBlock: true })));
}
