// The board: it starts here, finds the view of an address, and puts the frame around it.

import { startListening } from "./lib/keys.js";
import { match, place, start, to } from "./lib/router.js";
import { applyTheme } from "./lib/theme.js";
import { startTicking } from "./lib/time.js";
import { BRAND } from "./lib/title.js";
import { h, mount } from "./lib/view.js";
import { Account } from "./parts/account.js";
import { Arrival } from "./parts/arrival.js";
import { Connection } from "./parts/connection.js";
import { Icon } from "./parts/icons.js";
import { Shortcuts } from "./parts/shortcuts.js";
import { Toasts } from "./parts/toasts.js";
import { load, may, onSession } from "./state/session.js";
import { Board } from "./views/board.js";
import { NotFound } from "./views/not_found.js";

/** Each address has a view; all but the first are loaded when they are needed. */
const ROUTES = [
  ["", () => Board],
  ["systems", () => import("./views/systems/list.js").then((m) => m.Systems)],
  ["systems/:name", () => import("./views/systems/page.js").then((m) => m.System)],
  ["incidents/:reference", () => import("./views/incident.js").then((m) => m.Incident)],
  ["wall", () => import("./views/wall.js").then((m) => m.Wall)],
  ["maintenance", () => import("./views/maintenance/list.js").then((m) => m.Maintenances)],
  ["maintenance/:id", () => import("./views/maintenance/page.js").then((m) => m.Maintenance)],
  ["settings", () => import("./views/settings/integrations.js").then((m) => m.Integrations)],
  ["automations", () => import("./views/automations/list.js").then((m) => m.Automations)],
  ["automations/new", () => import("./views/automations/edit.js").then((m) => m.NewAutomation)],
  ["automations/runs/:id", () => import("./views/automations/run.js").then((m) => m.Run)],
  ["automations/:name", () => import("./views/automations/page.js").then((m) => m.Automation)],
  ["settings/channels", () => import("./views/settings/channels.js").then((m) => m.Channels)],
  ["settings/integrations", () => import("./views/settings/integrations.js").then((m) => m.Integrations)],
  ["settings/integrations/:id", () => import("./views/settings/integration.js").then((m) => m.Integration)],
  ["settings/people", () => import("./views/settings/people.js").then((m) => m.People)],
  ["settings/webhooks", () => import("./views/settings/webhooks.js").then((m) => m.Webhooks)],
  ["settings/webhooks/:id", () => import("./views/settings/webhook.js").then((m) => m.Webhook)],
  ["settings/secrets", () => import("./views/settings/secrets.js").then((m) => m.Secrets)],
  ["settings/tokens", () => import("./views/settings/tokens.js").then((m) => m.Tokens)],
];
/** Places: address, word, icon, and the role without which there is nothing to see. */
const PLACES = [
  ["", "Incidents", "incidents"],
  ["systems", "Systems", "systems"],
  ["automations", "Automations", "automations", "RESPONDER"],
  ["settings", "Settings", "settings", "ADMIN"],
];
const loaded = new Map();
let failure;

const render = mount(document.getElementById("app"), frame);

function frame() {
  const { path, parameters } = place();
  const route = ROUTES.find(([pattern]) => match(pattern, path));
  const View = route ? viewOf(route) : NotFound;
  return h("div", {},
    h("a", { class: "skip", href: "#content" }, "Skip to the content"),
    h("header", { class: "bar" },
      h("a", { class: "brand", href: to() }, h(Icon, { name: "brand" }), h("span", {}, BRAND)),
      h("nav", { class: "places", "aria-label": "Places" }, PLACES.filter(([, , , role]) => !role || may(role)).map(([address, word, icon]) =>
        h("a", { key: address, href: to(address), "aria-current": isAt(address, path) ? "page" : undefined }, h(Icon, { name: icon }), h("span", {}, word)))),
      h("div", { class: "rest" }, h(Connection), h(Account))),
    h(Arrival),
    h("main", { class: "content", id: "content", tabindex: "-1" },
      View ? h(View, { key: path, path, parameters: parameters.toString(), ...(route && match(route[0], path)) }) : failure && h("p", { class: "notice critical", role: "alert" }, failure)),
    h(Shortcuts),
    h(Toasts));
}

function viewOf(route) {
  if (loaded.has(route)) return loaded.get(route);
  const found = route[1]();
  if (!(found instanceof Promise)) return found;
  found.then(
    (View) => {
      failure = undefined;
      loaded.set(route, View);
    },
    () => (failure = "This page could not be loaded. Check your connection and try again."),
  ).then(() => render());
  return undefined;
}

function isAt(address, path) {
  if (address === "") return path === "" || path.startsWith("incidents");
  return path.startsWith(address) || (address === "systems" && path.startsWith("maintenance"));
}

applyTheme();
startTicking();
startListening();
start(render, (path) => ROUTES.some(([pattern]) => match(pattern, path.replace(/\/+$/, ""))));
onSession(render);
load();
