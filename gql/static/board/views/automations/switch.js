// A switch that is on or off.

import { h } from "../../lib/view.js";

/** A switch; `turn(isOn)` is called when somebody uses it. */
export function Switch({ isOn, label, isDisabled, turn, word }) {
  return h("button", { type: "button", class: "on-off", role: "switch", "aria-checked": String(isOn), "aria-label": label, disabled: isDisabled, onclick: () => turn(!isOn) },
    h("span", { class: "on-off-track", "aria-hidden": "true" }), word && h("span", {}, word));
}
