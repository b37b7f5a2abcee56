// The form of an integration: its format, and what an alert means here.

import { Component, h } from "../../lib/view.js";
import { Field, choices } from "../../parts/field.js";
import { Form } from "../../parts/form.js";
import { HELP, TYPES } from "./integration_types.js";
import { filled, json, lines, pairs, text, words, written } from "./texts.js";

const SEVERITIES = { "": "As the format has it", critical: "Critical", major: "Major", minor: "Minor" };
const UNKNOWN = { create: "Add it to the catalog", refuse: "Refuse the alert" };

/** A form for a new integration, or for one that is there; `onsubmit` gets the input of the mutation. */
export class IntegrationForm extends Component {
  constructor(props) {
    super(props);
    this.type = props.integration?.type ?? "ALERTMANAGER";
  }

  choose(type) {
    this.type = type;
    this.update();
  }

  render({ integration, onsubmit, oncancel }) {
    return h(Form, {
      action: integration ? "Save" : "Create", oncancel,
      onsubmit: (values) => onsubmit({ ...(integration ? { id: integration.id } : { type: this.type }), ...inputOf(values) }),
      fields: (wrong) => this.renderFields(wrong, integration),
    });
  }

  renderFields(wrong, integration) {
    const { systemMapping: system = {}, severityMapping: severity = {}, mapping = {} } = integration ?? {};
    return [
      !integration && h(Field, { name: "type", label: "Sender", help: HELP[this.type], control: choices(TYPES, { value: this.type, autofocus: true, onchange: (event) => this.choose(event.target.value) }) }),
      h(Field, { name: "name", label: "Name", wrong: wrong("name"), help: "What it writes is by this name.", control: h("input", { required: true, maxlength: 200, autocomplete: "off", value: integration?.name ?? "" }) }),
      h("details", {}, h("summary", {}, "Which system an alert is about"), h("div", { class: "form" }, systemFields(wrong, system))),
      h("details", {}, h("summary", {}, "How severe it is"), h("div", { class: "form" }, severityFields(wrong, severity))),
      h("details", { key: this.type, open: this.type === "EVENTS" && !integration }, h("summary", {}, "What it says, and which ones share an incident"), h("div", { class: "form" }, alertFields(wrong, mapping, this.type))),
      h("details", {}, h("summary", {}, "What is kept of a delivery"), h("div", { class: "form" },
        h("label", { class: "choice" }, h("input", { type: "checkbox", name: "keepBodies", checked: integration?.keepBodies ?? true }), "Keep the body, so that it can be looked at and replayed"),
        input(wrong, "maskedFields", "Mask these fields", "Names between commas, such as password. Their values are masked before anything reads them.", (integration?.maskedFields ?? []).join(", ")))),
    ];
  }
}

function systemFields(wrong, { labels, values, expression, default: ifNone, unknown }) {
  return [
    input(wrong, "systemMapping.labels", "Labels that name it", "Between commas; the first that the alert has counts. Without any: those that are usual for the sender.", (labels ?? []).join(", ")),
    area(wrong, "systemMapping.values", "What they mean", "A line each: what is found = key of a system.", lines(values), "checkout = payments"),
    input(wrong, "systemMapping.default", "System of those that name none", "A key. Without it, a system with this integration's name.", ifNone),
    h(Field, { name: "systemMapping.unknown", label: "A system that is not in the catalog", wrong: wrong("systemMapping.unknown"), control: choices(UNKNOWN, { value: unknown ?? "create" }) }),
    code(wrong, "systemMapping.expression", "Or by an expression", "It sees alert, labels and body.", expression, "labels.team"),
  ];
}

function severityFields(wrong, { values, expression, default: ifNone }) {
  return [
    area(wrong, "severityMapping.values", "What words mean", "A line each: what is found = critical, major or minor. Usual words are known.", lines(values), "page = critical"),
    h(Field, { name: "severityMapping.default", label: "All others", wrong: wrong("severityMapping.default"), control: choices(SEVERITIES, { value: ifNone ?? "" }) }),
    code(wrong, "severityMapping.expression", "Or by an expression", undefined, expression, "labels.priority"),
  ];
}

function alertFields(wrong, mapping, type) {
  const isFree = type === "EVENTS";
  return [
    isFree && code(wrong, "mapping.items", "Where the alerts are", "An expression for the list of them; without it, the body is one.", mapping.items, "body.checks"),
    code(wrong, "mapping.key", isFree ? "Key (needed)" : "Key", "A template: alerts of the same key are the same alert.", mapping.key, isFree ? "{{ item.host }}/{{ item.check }}" : "{{ labels.alertname }}"),
    code(wrong, "mapping.action", isFree ? "Action (needed)" : "Action", "An expression: trigger, acknowledge or resolve, or a usual word for it.", mapping.action, isFree ? "'resolve' if item.passed else 'trigger'" : ""),
    code(wrong, "mapping.title", "Title", "A template.", mapping.title, isFree ? "{{ item.check }} fails on {{ item.host }}" : "{{ labels.alertname }}"),
    code(wrong, "mapping.description", "Description", "A template.", mapping.description),
    h("div", { class: "form-row" },
      code(wrong, "mapping.startsAt", "Beginning", "An expression.", mapping.startsAt, isFree ? "item.since" : ""),
      code(wrong, "mapping.endsAt", "End", "An expression.", mapping.endsAt)),
    code(wrong, "mapping.grouping.key", "Alerts share an incident by", "A template: those of which it makes the same text do. Without it, each alert has its own.", mapping.grouping?.key, "{{ system }}"),
    h("div", { class: "form-row" },
      number(wrong, "mapping.grouping.windowSeconds", "… within seconds", mapping.grouping?.windowSeconds, 3600),
      number(wrong, "mapping.repeatSeconds", "A repeat counts as new after seconds", mapping.repeatSeconds, 3600)),
    area(wrong, "mapping.labels", "Labels of incidents", "JSON: names and templates.", written(mapping.labels), '{"origin": "grafana"}'),
    area(wrong, "mapping.links", "Links of incidents", "JSON: a list of labels and templates of addresses.", written(mapping.links), '[{"label": "Logs", "url": "https://logs.example/?q={{ labels.service }}"}]'),
  ];
}

const input = (wrong, name, label, help, value) => h(Field, { name, label, help, wrong: wrong(name), control: h("input", { autocomplete: "off", spellcheck: "false", value: value ?? "" }) });
const code = (wrong, name, label, help, value, placeholder) => h(Field, { name, label, help, wrong: wrong(name), control: h("input", { class: "code", autocomplete: "off", spellcheck: "false", placeholder, value: value ?? "" }) });
const area = (wrong, name, label, help, value, placeholder) => h(Field, { name, label, help, wrong: wrong(name), control: h("textarea", { class: "code", spellcheck: "false", rows: 3, placeholder, value: value ?? "" }) });
const number = (wrong, name, label, value, placeholder) => h(Field, { name, label, wrong: wrong(name), control: h("input", { type: "number", min: 0, step: "any", inputmode: "decimal", placeholder, value: value ?? "" }) });

/** Returns the input of the mutation; what is empty is left to the format's rules. */
function inputOf(values) {
  const seconds = (name) => (text(values, name) === undefined ? undefined : Number(text(values, name)));
  const grouping = filled({ key: text(values, "mapping.grouping.key"), windowSeconds: seconds("mapping.grouping.windowSeconds") });
  return {
    name: text(values, "name") ?? "",
    keepBodies: values.has("keepBodies"),
    maskedFields: words(values, "maskedFields"),
    systemMapping: filled({
      labels: words(values, "systemMapping.labels"), values: pairs(values, "systemMapping.values"), expression: text(values, "systemMapping.expression"),
      default: text(values, "systemMapping.default"), unknown: text(values, "systemMapping.unknown"),
    }),
    severityMapping: filled({
      values: pairs(values, "severityMapping.values"), expression: text(values, "severityMapping.expression"), default: text(values, "severityMapping.default"),
    }),
    mapping: filled({
      ...Object.fromEntries(["items", "key", "action", "title", "description", "startsAt", "endsAt"].map((name) => [name, text(values, `mapping.${name}`)])),
      grouping, repeatSeconds: seconds("mapping.repeatSeconds"), labels: json(values, "mapping.labels"), links: json(values, "mapping.links"),
    }),
  };
}
