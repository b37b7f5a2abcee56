// The head of the page, which stays: what it is, how bad, since when, who is on it, and what is likely next.

import { documents } from "../../documents.js";
import { to } from "../../lib/router.js";
import { date, exact } from "../../lib/time.js";
import { h } from "../../lib/view.js";
import { choices } from "../../parts/field.js";
import { SEVERITIES, STATUSES, Severity } from "../../parts/marks.js";
import { Ago, Lasted } from "../../parts/time.js";
import { act } from "./acting.js";
import { Menu } from "./menu.js";
import { Title } from "./title.js";
import { nameOf } from "./words.js";

/** Props: `incident` as shown, `feed`, `mayWrite`, `isAdmin`, `since` (offline), and `page`, which has the actions. */
export function Header({ incident, feed, mayWrite, isAdmin, page }) {
  const { reference, severity, status, resolvedAt, occurredAt, isPending } = incident;
  return h("header", { class: resolvedAt ? "incident-head resolved" : "incident-head", "aria-busy": isPending ? "true" : undefined },
    h("p", { class: "crumbs" }, h("a", { href: to() }, "Incidents"), h("span", { class: "reference" }, reference), isPending && h("span", { class: "on-its-way", role: "status" }, "Saving…")),
    h(Title, { incident, feed, mayWrite, onmade: page.takeTitle }),
    h("div", { class: "head-line" },
      mayWrite ? h(SeverityMenu, { incident, feed }) : h(Severity, { severity }),
      mayWrite ? h(StatusMenu, { status, page }) : h("span", { class: "status-word" }, STATUSES[status]),
      h("span", { class: "age" }, resolvedAt ? "Lasted " : "For ", h(Lasted, { from: occurredAt, to: resolvedAt })),
      h(Systems, { systems: incident.systems })),
    h("p", { class: "head-people" }, h(OnIt, { incident })),
    mayWrite && h(Actions, { incident, feed, isAdmin, page }));
}

function Systems({ systems }) {
  const shown = systems.slice(0, 4);
  return h("span", { class: "head-systems" },
    shown.map(({ id, key, name }) => h("a", { key: id, class: "one-line", href: to(`systems/${encodeURIComponent(key)}`), dir: "auto" }, name)),
    systems.length > 4 && h("span", { class: "muted" }, `and ${systems.length - 4} more`));
}

function OnIt({ incident }) {
  const { acknowledgedAt, acknowledgedBy, lead, resolvedAt, snoozedUntil } = incident;
  const isSnoozed = snoozedUntil && new Date(snoozedUntil) > new Date();
  return h("span", {},
    acknowledgedAt ? h("span", {}, "Acknowledged by ", h("bdi", {}, nameOf(acknowledgedBy)), " ", h(Ago, { at: acknowledgedAt }))
      : resolvedAt ? "Never acknowledged" : h("strong", {}, "Nobody has acknowledged this yet"),
    lead ? h("span", {}, " · ", h("bdi", {}, nameOf(lead)), resolvedAt ? " led" : " leads") : !resolvedAt && " · nobody leads yet",
    isSnoozed && h("span", { title: exact(snoozedUntil) }, ` · reminders are silent until ${date(snoozedUntil)}`));
}

function SeverityMenu({ incident, feed }) {
  const { id, severity } = incident;
  return h("span", { class: "head-menu" }, h(Severity, { severity, short: true }),
    choices(SEVERITIES, {
      value: severity, "aria-label": "Severity",
      onchange: async ({ target }) => {
        const wanted = target.value;
        if (!(await act(feed, documents.SetIncident, { id, severity: wanted }, { severity: wanted }))) target.value = feed.incident.severity;
      },
    }));
}

function StatusMenu({ status, page }) {
  return h("span", { class: "head-menu" },
    choices(STATUSES, {
      value: status, "aria-label": "Status",
      onchange: ({ target }) => {
        const wanted = target.value;
        // A new status comes with a few words: it is said with the update that the reader writes now.
        target.value = status;
        page.compose(wanted);
      },
    }));
}

function Actions({ incident, isAdmin, page }) {
  const { acknowledgedAt, resolvedAt, status } = incident;
  const acknowledge = !acknowledgedAt && !resolvedAt && ["acknowledge", "Acknowledge", () => page.acknowledge()];
  const post = ["update", words("Post update", "Update"), () => page.compose()];
  const resolve = !resolvedAt && ["resolve", "Resolve", () => page.compose("RESOLVED")];
  const order = resolvedAt ? [] : !acknowledgedAt ? [acknowledge, post, resolve] : status === "MONITORING" ? [resolve, post] : [post, resolve];
  const shown = resolvedAt ? [post] : order;
  return h("div", { class: "head-actions no-print" },
    shown.map(([key, word, onclick], nth) => h("button", { key, class: nth === 0 && !resolvedAt ? "button first" : "button", onclick }, word)),
    h(Menu, { word: words("More…", "…", "More") }, page.more(incident, isAdmin).map(({ word, run, isBad }) => h("button", { key: word, class: isBad ? "button quiet bad" : "button quiet", onclick: run }, word))));
}

/** A word, and a shorter one for where the thumb needs the room; what is read out is `name`. */
function words(long, short, name = long) {
  return [h("span", { key: "long", class: "long" }, long), h("span", { key: "short", class: "short", "aria-hidden": short === "…" ? "true" : undefined }, short), short === "…" && h("span", { key: "name", class: "visually-hidden short" }, name)];
}
