// The frame of all settings: their places at the side, and what is shown while there is no answer, or none for this reader.

import { to } from "../../lib/router.js";
import { h } from "../../lib/view.js";
import { Bones, Failure } from "../../parts/states.js";

const SECTIONS = [
  ["integrations", "Integrations"],
  ["webhooks", "Webhooks"],
  ["channels", "Channels"],
  ["tokens", "Tokens"],
  ["secrets", "Secrets"],
  ["people", "People"],
];

const REFUSED = ["UNAUTHENTICATED", "FORBIDDEN"];

/**
 * The page of a section: its places, its title with actions, and its content once a query has been answered; a refused
 * reader sees nothing but the reason.
 */
export function Settings({ section, title, lead, actions, asked, children }) {
  if (asked?.error && (!asked.loaded || REFUSED.includes(asked.error.code))) return h("div", { class: "section" }, h("h1", {}, title), h(Failure, { reason: asked.error }));
  return h("div", { class: "settings" },
    h("nav", { class: "sections", "aria-label": "Settings" }, SECTIONS.map(([name, word]) =>
      h("a", { key: name, href: to(`settings/${name}`), "aria-current": name === section ? "page" : undefined, ref: name === section ? show : undefined }, word))),
    h("div", { class: "section" },
      h("div", { class: "section-head" }, h("h1", { dir: "auto" }, title), actions && h("div", { class: "section-actions" }, actions)),
      lead && h("p", { class: "muted prose" }, lead),
      asked && !asked.loaded ? h(Bones) : children));
}

/** Scrolls the row of places on phones to the present one, once it is on the page. */
function show(link) {
  queueMicrotask(() => link?.parentNode?.scrollTo?.({ left: link.offsetLeft - link.parentNode.clientWidth / 3 }));
}

/** Whether the caller of an answer may write here: admins of all systems. */
export const mayManage = (data) => data?.viewer?.role === "ADMIN" && !data.viewer.systems;

/** What admins of some systems are told where others have buttons. */
export function Limited({ data }) {
  return data && !mayManage(data) ? h("p", { class: "notice calm" }, "You may look, and change nothing here: your token is for some systems only.") : null;
}
