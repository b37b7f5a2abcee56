// Running an automation by hand.

import { documents } from "../../documents.js";
import { go, to } from "../../lib/router.js";
import { Component, h } from "../../lib/view.js";
import { Dialog } from "../../parts/dialog.js";
import { Field } from "../../parts/field.js";
import { Form } from "../../parts/form.js";
import { session } from "../../state/session.js";
import { newKey } from "../../state/writes.js";
import { triggerWords } from "./words.js";

/** The dialog; it leads to the run. */
export class ByHand extends Component {
  again = newKey();

  async submit(values) {
    const payload = values.get("payload").trim() ? values.get("payload") : undefined;
    try {
      const input = { id: this.props.automation.id, trigger: values.get("trigger") || undefined, contextKey: values.get("contextKey").trim() || undefined, payload, idempotencyKey: this.again };
      const { runAutomation } = await session.client.mutate(documents.RunAutomation, { input });
      this.props.onclose();
      go(to(`automations/runs/${runAutomation.run.id}`));
    } catch (error) {
      this.again = newKey();
      throw error;
    }
  }

  render({ automation, onclose }) {
    const { triggers = [] } = automation.definition;
    return h(Dialog, { title: "Run it by hand", onclose }, h(Form, {
      action: "Run it now", oncancel: onclose, onsubmit: (values) => this.submit(values),
      fields: (wrong) => [
        h("p", { class: "muted" }, "It runs at once, whatever its filters and conditions say, and also while it is switched off. What it does, it does for real."),
        triggers.length > 1 && h(Field, { name: "trigger", label: "As if by", wrong: wrong("trigger"), control: h("select", {}, triggers.map((trigger, nth) => h("option", { key: nth, value: nameOf(trigger) }, `${triggerWords(trigger.event)} (${nameOf(trigger)})`))) }),
        h(Field, { name: "contextKey", label: "About", wrong: wrong("contextKey"), help: "The id of a system or an incident, where it needs one.", control: h("input", { spellcheck: "false" }) }),
        h(Field, { name: "payload", label: "Payload", wrong: wrong("payload"), help: "What expressions see as trigger.payload, as YAML or JSON.", control: h("textarea", { class: "editor-text", spellcheck: "false" }) }),
      ],
    }));
  }
}

const nameOf = ({ id, event }) => id ?? event.toLowerCase().replace(/[^a-z0-9]+/g, "_");
