// The form of a webhook: where to, whose view, and which bodies.

import { Component, h } from "../../lib/view.js";
import { Field, choices } from "../../parts/field.js";
import { Form } from "../../parts/form.js";
import { json, text, written } from "./texts.js";
import { AUDIENCES } from "./webhook_state.js";

const BODIES = { events: "CloudEvents of all trigger events", document: "Answers of a subscription that you write" };
const EXAMPLE = `# Opened and resolved incidents, from this severity on
subscription Changes($least: IncidentSeverity!) {
  incidentEvents(types: [CREATED, RESOLVED], filter: {severity: {gte: $least}}) {
    type
    incident { reference title status severity systems { key } }
  }
}`;
const EXAMPLE_VARIABLES = { least: "MAJOR" };

/** A form for a new webhook, or for one that is there; `onsubmit` gets the input of the mutation. */
export class WebhookForm extends Component {
  constructor(props) {
    super(props);
    this.bodies = props.webhook?.document ? "document" : "events";
  }

  choose(bodies) {
    this.bodies = bodies;
    this.update();
  }

  render({ webhook, onsubmit, oncancel }) {
    return h(Form, {
      action: webhook ? "Save" : "Create", oncancel,
      onsubmit: (values) => onsubmit({ ...(webhook && { id: webhook.id }), ...this.inputOf(values) }),
      fields: (wrong) => this.renderFields(wrong, webhook),
    });
  }

  renderFields(wrong, webhook) {
    const isOwn = this.bodies === "document";
    return [
      h(Field, { name: "url", label: "Address", wrong: wrong("url"), help: "Of the receiver, with http or https. Addresses inside the network are refused, but for those that the operator allows.", control: h("input", { type: "text", inputmode: "url", class: "code", required: true, maxlength: 2_000, autofocus: true, autocomplete: "off", spellcheck: "false", placeholder: "https://hooks.example.com/incidents", value: webhook?.url ?? "" }) }),
      h(Field, { name: "name", label: "Name", wrong: wrong("name"), help: webhook ? undefined : "Without one, the host of the address.", control: h("input", { maxlength: 200, autocomplete: "off", required: Boolean(webhook), value: webhook?.name ?? "" }) }),
      h(Field, { name: "audience", label: "It gets", wrong: wrong("audience"), control: choices(AUDIENCES, { value: webhook?.audience ?? "PUBLIC" }) }),
      h(Field, { name: "bodies", label: "Bodies", control: choices(BODIES, { value: this.bodies, onchange: (event) => this.choose(event.target.value) }) }),
      isOwn && h(Field, { name: "document", label: "Subscription", wrong: wrong("document"), help: "To incidentEvents or incidentChanges. Its arguments select what is delivered, and its answers are the bodies.", control: h("textarea", { class: "code", rows: 8, required: true, spellcheck: "false", value: webhook?.document ?? EXAMPLE }) }),
      isOwn && h(Field, { name: "variables", label: "Variables", wrong: wrong("variables"), help: "As JSON.", control: h("textarea", { class: "code", rows: 3, spellcheck: "false", value: webhook ? written(webhook.variables) : written(EXAMPLE_VARIABLES) }) }),
    ];
  }

  inputOf(values) {
    const isOwn = this.bodies === "document";
    return {
      url: text(values, "url") ?? "",
      ...(text(values, "name") && { name: text(values, "name") }),
      audience: values.get("audience"),
      document: isOwn ? text(values, "document") ?? "" : null,
      variables: isOwn ? json(values, "variables") ?? {} : {},
    };
  }
}
