// The form by which people report a system's health, as monitors do.

import { documents } from "../../documents.js";
import { Component, h } from "../../lib/view.js";
import { Dialog } from "../../parts/dialog.js";
import { choices, Field } from "../../parts/field.js";
import { HEALTHS } from "../../parts/marks.js";
import { say } from "../../parts/toasts.js";
import { session } from "../../state/session.js";
import { newKey } from "../../state/writes.js";

/** The dialog; the page shows the new health by itself. */
export class ReportDialog extends Component {
  again = newKey();

  async submit(event) {
    event.preventDefault();
    const dialog = event.target.closest("dialog");
    const values = new FormData(event.target);
    this.isBusy = true;
    this.update();
    try {
      await session.client.mutate(documents.ReportSystemHealth, {
        input: { system: this.props.system.id, status: values.get("report-status"), message: values.get("report-message").trim() || null, idempotencyKey: this.again },
      });
      dialog.close();
      say("Reported.");
    } catch (error) {
      this.wrong = error.message;
      this.again = newKey();
    }
    this.isBusy = false;
    this.update();
  }

  render({ system, onclose }) {
    return h(Dialog, { title: "Report its health", onclose }, h("form", { class: "form", onsubmit: (event) => this.submit(event) },
      h("p", { class: "muted" }, "Your report holds until the next one, which may be a monitor's."),
      h(Field, { name: "report-status", label: "Health", control: choices(HEALTHS, { value: system.health.reported?.status ?? "HEALTHY", autofocus: true }) }),
      h(Field, { name: "report-message", label: "Message", wrong: this.wrong, help: "Everybody may read it.", control: h("textarea", { dir: "auto" }) }),
      h("div", { class: "actions" }, h("button", { class: "button first", disabled: this.isBusy }, "Report"))));
  }
}
