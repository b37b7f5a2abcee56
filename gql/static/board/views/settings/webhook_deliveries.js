// The deliveries of a webhook: what was sent, what is due, and what is missing at the receiver.

import { documents } from "../../documents.js";
import { to } from "../../lib/router.js";
import { h } from "../../lib/view.js";
import { Pages, pageVariables } from "../../parts/pages.js";
import { Bones, Empty, Failure } from "../../parts/states.js";
import { Table } from "../../parts/table.js";
import { Ago } from "../../parts/time.js";
import { Choices } from "./filters.js";

const STATES = { PENDING: "Pending", DELIVERED: "Delivered", PARKED: "Gaps" };
const TONES = { PENDING: "warn", DELIVERED: "good", PARKED: "bad" };
const WORDS = { PENDING: "Pending", DELIVERED: "Delivered", PARKED: "Gap: given up" };

/** The filter and the list, on the page of a webhook. */
export function WebhookDeliveries({ page, id, parameters, mine }) {
  const status = new URLSearchParams(parameters).get("status");
  const filter = { webhookId: id, ...(status in STATES && { statuses: [status] }) };
  page.deliveries = page.ask("deliveries", documents.WebhookDeliveries, { filter, ...pageVariables(parameters) }, { seconds: 5 });
  return [h(Choices, { name: "status", label: "States", words: STATES }), renderList(page, status, mine)];
}

function renderList(page, status, mine) {
  const { data, loaded, error } = page.deliveries;
  if (error && !loaded) return h(Failure, { reason: error });
  if (!loaded) return h(Bones);
  const { nodes, pageInfo } = data.webhookDeliveries;
  if (!nodes.length) {
    return status
      ? h(Empty, { title: status === "PARKED" ? "There is no gap" : "No delivery is in this state" })
      : h(Empty, { title: "Nothing was sent yet" }, h("p", {}, "The next change of an incident is."));
  }
  return [
    h(Table, { label: "Deliveries", rows: nodes, columns: [
      { name: "event", label: "Change", cell: (delivery) => renderChange(delivery, page.names) },
      { name: "state", label: "State", cell: ({ status: state }) => h("span", { class: `state ${TONES[state]}` }, WORDS[state]) },
      { name: "answer", label: "Answer", kind: "text", cell: renderAnswer },
      { name: "attempts", label: "Attempts", kind: "number", cell: ({ attempts }) => attempts },
      { name: "when", label: "When", cell: renderWhen },
      { name: "actions", label: "Actions", kind: "actions", cell: ({ id, event, status: state }) => mine && state !== "PENDING"
        && h("button", { class: "button small", onclick: () => page.press(documents.Redeliver, { id }, "It is sent once more.") }, "Send again", h("span", { class: "visually-hidden" }, ` ${event ?? "change"}`)) },
    ] }),
    h(Pages, { info: pageInfo }),
  ];
}

function renderChange({ event, incidentId }, names) {
  const incident = names.of(incidentId);
  return [
    h("span", {}, event ?? "change"), " ",
    incident ? h("a", { href: to(`incidents/${incident.reference}`), title: incident.title }, incident.reference) : h("span", { class: "muted" }, incident === null ? "of a deleted incident" : "…"),
  ];
}

function renderAnswer({ responseStatus, reason, durationMillis, attempts }) {
  if (!attempts) return h("span", { class: "muted" }, "Not tried yet");
  return h("span", { dir: "auto" }, reason?.replace(/\.$/, "") ?? responseStatus, durationMillis > 0 && `, ${durationMillis} ms`);
}

function renderWhen({ deliveredAt, nextAttemptAt, lastAttemptAt, occurredAt }) {
  if (deliveredAt) return h(Ago, { at: deliveredAt });
  // Those of one incident are sent in order: what is due already is behind another.
  if (nextAttemptAt) return new Date(nextAttemptAt) > new Date() ? ["next try ", h(Ago, { at: nextAttemptAt })] : "waits for its turn";
  return h(Ago, { at: lastAttemptAt ?? occurredAt });
}
