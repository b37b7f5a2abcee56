// What a monitor sent: its outcome, what it changed, why it was refused, and the body.

import { documents } from "../../documents.js";
import { to } from "../../lib/router.js";
import { Component, h } from "../../lib/view.js";
import { Copy } from "../../parts/copy.js";
import { Failure } from "../../parts/states.js";
import { Ago } from "../../parts/time.js";
import { session } from "../../state/session.js";

/** The words of outcomes. */
export const OUTCOMES = { APPLIED: "Applied", PARTIAL: "Partly applied", REFUSED: "Refused", UNCHANGED: "Changed nothing" };
const TONES = { APPLIED: "good", PARTIAL: "warn", REFUSED: "bad", UNCHANGED: "" };

/** One delivery: a line, and all of it when it is opened. `turn` is another one when more names of incidents are known. */
export class Delivery extends Component {
  async show(event) {
    if (!event.target.open || this.body !== undefined) return;
    this.failure = undefined;
    try {
      const { node } = await session.client.query(documents.DeliveryBody, { id: this.props.delivery.id });
      this.body = node ? readable(node.body) : null;
    } catch (error) {
      this.failure = error;
    }
    this.update();
  }

  render({ delivery, names, onreplay }) {
    const { outcome, reason, lastReceivedAt, incidentIds, replayOf } = delivery;
    return h("li", { class: "delivery" },
      h("details", { ontoggle: (event) => this.show(event) },
        h("summary", {},
          h("span", { class: `state ${TONES[outcome]}` }, OUTCOMES[outcome]),
          h("span", { class: "muted" }, h(Ago, { at: lastReceivedAt })),
          h("span", {}, effectOf(delivery)),
          reason && h("span", { class: "reason one-line", dir: "auto" }, reason)),
        h("div", { class: "form delivery-all" },
          reason && h("p", { class: "prose", dir: "auto" }, reason),
          replayOf && h("p", { class: "muted" }, "A replay of an earlier delivery."),
          this.renderBody(),
          onreplay && h("div", {}, h("button", { class: "button small", onclick: () => onreplay(delivery) }, "Replay"),
            h("span", { class: "muted small" }, " Applies it once more, as the integration is set up now.")))),
      incidentIds.length > 0 && h("ul", { class: "changed" }, incidentIds.slice(0, 5).map((id) => h("li", { key: id }, linkTo(id, names))),
        incidentIds.length > 5 && h("li", { class: "muted" }, `and ${incidentIds.length - 5} more`)));
  }

  renderBody() {
    if (this.failure) return h(Failure, { reason: this.failure });
    if (this.body === undefined) return null;
    if (this.body === null) return h("p", { class: "muted" }, "Its body is not kept.");
    return h("div", { class: "copyable" },
      h("div", { class: "copyable-head" }, h("span", { class: "label" }, "Body"), h(Copy, { text: this.body, what: "the body" })),
      h("pre", { tabindex: "0", role: "group", "aria-label": "Body" }, this.body));
  }
}

function linkTo(id, names) {
  const incident = names.of(id);
  if (incident === null) return h("span", { class: "muted" }, "an incident that was deleted");
  if (!incident) return h("span", { class: "muted" }, "…");
  return h("a", { href: to(`incidents/${incident.reference}`) }, h("span", { class: "digits" }, incident.reference), " ", h("bdi", {}, incident.title));
}

function effectOf({ opened, resolved, acknowledged, alerts, refused, times }) {
  const done = [[opened, "opened"], [acknowledged, "acknowledged"], [resolved, "resolved"]].filter(([count]) => count).map(([count, word]) => `${word} ${count}`);
  const what = `${alerts} ${alerts === 1 ? "alert" : "alerts"}`;
  return [what, ...done, refused && `refused ${refused}`, times > 1 && `${times} times`].filter(Boolean).join(", ");
}

function readable(body) {
  if (body === null) return null;
  try {
    return JSON.stringify(JSON.parse(body), undefined, 2);
  } catch {
    return body;
  }
}
