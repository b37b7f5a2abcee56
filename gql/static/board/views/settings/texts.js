// Between what people write in fields and what the API takes.

import { Refusal } from "../../parts/form.js";

/** Returns a field's text without spaces around it, or nothing. */
export const text = (values, name) => values.get(name)?.trim() || undefined;

/** Returns the JSON of a field, or nothing where it is empty. */
export function json(values, name) {
  const written = text(values, name);
  if (!written) return undefined;
  try {
    return JSON.parse(written);
  } catch (error) {
    throw new Refusal(`This is no JSON: ${error.message}`, name);
  }
}

/** Returns a value as JSON for a field; nothing where it is empty. */
export const written = (value) => (value === undefined || value === null || Object.keys(value).length === 0 ? "" : JSON.stringify(value, undefined, 2));

/** Returns the words of a field that lists them between commas or lines. */
export const words = (values, name) => (values.get(name) ?? "").split(/[,\n]/).map((word) => word.trim()).filter(Boolean);

/** Returns the object of a field with lines such as `found = meaning`. */
export function pairs(values, name) {
  const found = {};
  for (const line of (values.get(name) ?? "").split("\n").map((each) => each.trim()).filter(Boolean)) {
    const at = line.lastIndexOf("=");
    if (at < 1 || at === line.length - 1) throw new Refusal(`"${line.slice(0, 60)}" is no pair: write what is found = what it means.`, name);
    found[line.slice(0, at).trim()] = line.slice(at + 1).trim();
  }
  return found;
}

/** Returns such an object as lines. */
export const lines = (object) => Object.entries(object ?? {}).map(([found, meaning]) => `${found} = ${meaning}`).join("\n");

/** Returns an object without what is undefined, or an empty text, list or object. */
export function filled(object) {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined && value !== "" && !(typeof value === "object" && value !== null && Object.keys(value).length === 0)));
}
