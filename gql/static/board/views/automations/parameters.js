// Fields for the parameters of a template, by their JSON Schema, and the parameters by what was put in.

import { h } from "../../lib/view.js";
import { Field } from "../../parts/field.js";

const LABELS = { systemIds: "Systems", channel: "Channel" };

/** Returns a field for each parameter; `systems` and `channels` are there to be chosen, `wrong(name)` is what is wrong. */
export function fieldsOf(schema, { systems, channels, wrong }) {
  return Object.entries(schema.properties).map(([name, property]) => {
    const kind = kindOf(property, schema);
    const label = LABELS[name] ?? labelOf(property.description ?? name);
    if (kind === "systems") return systemsOf(name, label, systems);
    const control = controlOf(kind, name, property, schema, channels);
    if (kind === "boolean") return h("label", { key: name, class: "choice" }, h("input", { type: "checkbox", name, checked: property.default === true }), label);
    return h(Field, { key: name, name, label, wrong: wrong(name), help: helpOf(kind, property, schema), control });
  });
}

/** Returns what differs from the template's defaults; values that cannot be right are left to the server to refuse. */
export function parametersOf(schema, values) {
  const found = {};
  for (const [name, property] of Object.entries(schema.properties)) {
    const value = valueOf(kindOf(property, schema), name, values);
    const isDefault = value === undefined || JSON.stringify(value) === JSON.stringify(property.default ?? null);
    if (!isDefault) found[name] = value;
  }
  return found;
}

function valueOf(kind, name, values) {
  if (kind === "systems") return values.getAll(name).length ? values.getAll(name) : null;
  if (kind === "boolean") return values.get(name) !== null;
  const text = (values.get(name) ?? "").trim();
  if (text === "") return null;
  if (kind === "number" || kind === "length") return Number.isFinite(Number(text)) ? Number(text) : text;
  return text;
}

/** Returns the parts that a property may be, with what it refers to. */
function partsOf(property, schema) {
  return (property.anyOf ?? [property]).map((part) => (part.$ref ? schema.$defs[part.$ref.split("/").at(-1)] : part));
}

function kindOf(property, schema) {
  const parts = partsOf(property, schema);
  if (parts.some(({ type }) => type === "array")) return "systems";
  if (parts.some((part) => part.enum)) return "choice";
  if (parts.some(({ examples }) => examples)) return "length";
  const { type } = parts.find((part) => part.type !== "null") ?? {};
  return type === "boolean" ? "boolean" : type === "integer" || type === "number" ? "number" : "text";
}

function controlOf(kind, name, property, schema, channels) {
  const isRequired = schema.required?.includes(name);
  if (kind === "choice") {
    const { enum: words } = partsOf(property, schema).find((part) => part.enum);
    return h("select", { value: property.default }, words.map((word) => h("option", { key: word, value: word, selected: word === property.default }, labelOf(word))));
  }
  if (kind === "number") return h("input", { type: "number", step: "any", min: property.minimum, max: property.maximum, required: isRequired, value: property.default ?? "" });
  if (kind === "length") return h("input", { value: property.default === null || property.default === undefined ? "" : written(property.default, name), required: isRequired, spellcheck: "false" });
  if (name !== "channel") return h("input", { required: isRequired, value: property.default ?? "", dir: "auto" });
  return h("select", { required: isRequired }, h("option", { value: "" }, channels.length ? "Choose a channel" : "There is no channel yet: add one in the settings"), channels.map(({ id, name: word }) => h("option", { key: id, value: word }, word)));
}

function systemsOf(name, label, systems) {
  return h("fieldset", { key: name, class: "systems-choice" }, h("legend", {}, label), h("p", { class: "help muted small" }, "None chosen is all."),
    h("div", { class: "systems-choices" }, systems.map(({ id, name: word }) => h("label", { key: id, class: "choice" }, h("input", { type: "checkbox", name, value: id }), h("bdi", {}, word)))));
}

function helpOf(kind, property, schema) {
  if (kind === "length") return `Such as 5m, 1h30m or 2d.${partsOf(property, schema).some(({ type }) => type === "null") ? " Empty is never." : ""}`;
  return undefined;
}

/** A default in seconds or minutes, as people write it. */
function written(value, name) {
  let seconds = /minutes$/i.test(name) ? value * 60 : value;
  let text = "";
  for (const [unit, size] of [["d", 86_400], ["h", 3600], ["m", 60]]) {
    const count = Math.floor(seconds / size);
    if (count) text += `${count}${unit}`;
    seconds -= count * size;
  }
  return seconds || !text ? `${text}${seconds}s` : text;
}

const labelOf = (text) => (text.charAt(0).toUpperCase() + text.slice(1)).replace(/\.$/, "").replaceAll("`", "").replaceAll("_", " ");
