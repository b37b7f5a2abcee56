// How a webhook is, in words: what stands in the way is said first.

import { h } from "../../lib/view.js";
import { Ago } from "../../parts/time.js";

/** The words of audiences. */
export const AUDIENCES = { PUBLIC: "What everybody may see", RESPONDERS: "What responders see, with internal updates and people" };

/** The state of a webhook in one line. */
export function WebhookState({ webhook }) {
  const { enabled, disabledReason, failingSince, pausedUntil, gapSince, lastSuccessAt } = webhook;
  if (!enabled) return h("span", { class: disabledReason ? "state-text bad" : "state-text" }, disabledReason ? `Disabled by the server: ${disabledReason}` : "Disabled");
  if (failingSince) return h("span", { class: "state-text bad" }, "Failing, for the first time ", h(Ago, { at: failingSince }));
  if (gapSince) return h("span", { class: "state-text warn" }, "Works, with a gap since ", h(Ago, { at: gapSince }));
  if (pausedUntil && new Date(pausedUntil) > Date.now()) return h("span", { class: "state-text warn" }, "The receiver asked to be left alone until ", h(Ago, { at: pausedUntil }));
  return h("span", { class: "state-text good" }, lastSuccessAt ? ["Works, last delivery ", h(Ago, { at: lastSuccessAt })] : "Enabled, nothing was delivered yet");
}
