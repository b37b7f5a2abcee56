// The state of a maintenance, and when it takes place, in words.

import { ZONE } from "../../lib/time.js";
import { h } from "../../lib/view.js";
import { HealthMark } from "../../parts/marks.js";
import { Ago } from "../../parts/time.js";
import { spanIn } from "./zones.js";

const WORDS = { SCHEDULED: "Planned", ENDED: "Over", CANCELLED: "Cancelled" };

/** The state of a window or an instance. */
export function MaintenanceState({ status, endsAt }) {
  if (status === "ACTIVE") return h("span", { class: "now" }, h(HealthMark, { underMaintenance: true }), endsAt && h("span", { class: "muted" }, " ends ", h(Ago, { at: endsAt })));
  return h("span", { class: status === "SCHEDULED" ? "state" : "state muted" }, WORDS[status]);
}

/** When an instance takes place, by the reader's clocks. */
export function When({ from, to }) {
  return h("time", { class: "when", datetime: from, title: ZONE }, spanIn(from, to));
}
