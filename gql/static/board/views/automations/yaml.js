// YAML as definitions are written: read with the line of each part, and written for people to read. What the server's own
// reader refuses is refused, and so are anchors, tags and keys of several lines: nobody shall save what was misread.

import { Reader } from "./yaml_reader.js";

const PLAIN_KEY = /^[A-Za-z_][A-Za-z0-9_-]*$/;
const PLAIN = /^[A-Za-z0-9_$(/][^\n\r\t]*$/;
const SHORT_LIST = 60;

/** Returns `{ value, lines }` of a text in YAML or JSON; `lines` has the line of each path, such as `actions[0].config`. */
export function fromYaml(text) {
  const reader = new Reader(text);
  return { value: reader.read(), lines: reader.lines };
}

/** Returns the line of a path, or of the innermost part around it that is there. */
export function lineOf(lines, path) {
  for (let place = path; place; place = place.replace(/(?:\.[^.[\]]*|\[[^[\]]*\]|^[^.[\]]+)$/, "")) {
    if (lines.has(place)) return lines.get(place);
  }
  return undefined;
}

/** Returns a value as YAML. */
export function toYaml(value) {
  return isBranch(value) ? block(value, "").join("\n") + "\n" : scalar(value) + "\n";
}

const isBranch = (value) => value !== null && typeof value === "object" && Object.keys(value).length > 0;

function block(value, indent) {
  return Array.isArray(value) ? value.flatMap((item) => itemLines(item, indent)) : Object.entries(value).flatMap(([key, item]) => pairLines(key, item, indent));
}

function itemLines(item, indent) {
  if (!isBranch(item)) return [`${indent}- ${leaf(item, indent)}`];
  const [first, ...rest] = block(item, `${indent}  `);
  return [`${indent}- ${first.slice(indent.length + 2)}`, ...rest];
}

function pairLines(key, item, indent) {
  const name = PLAIN_KEY.test(key) && isText(key) ? key : JSON.stringify(key);
  if (!isBranch(item)) return [`${indent}${name}: ${leaf(item, indent)}`];
  const short = Array.isArray(item) && item.every((each) => !isBranch(each)) && `[${item.map(inFlow).join(", ")}]`;
  if (short && short.length <= SHORT_LIST) return [`${indent}${name}: ${short}`];
  return [`${indent}${name}:`, ...block(item, `${indent}  `)];
}

function leaf(value, indent) {
  if (typeof value !== "string" || !isBlock(value)) return scalar(value);
  const end = value.endsWith("\n") ? "" : "-";
  const lines = (end ? value : value.slice(0, -1)).split("\n");
  return [`|${end}`, ...lines.map((line) => line && `${indent}  ${line}`)].join("\n");
}

/** Several lines stand as they are where nothing of them would be lost. */
const isBlock = (text) => /[^\n]\n/.test(text) && !/^\s|[ \t]\n|\s\s$|[^\P{C}\n]/u.test(text) && text.trim() !== "";

function scalar(value) {
  if (typeof value !== "string") return Array.isArray(value) ? "[]" : JSON.stringify(value);
  return PLAIN.test(value) && isText(value) && !/: |:$| #|\s$|[^\P{C}]/u.test(value) ? value : JSON.stringify(value);
}

const inFlow = (value) => (typeof value === "string" && /[,[\]{}]/.test(value) ? JSON.stringify(value) : scalar(value));
const isText = (text) => new Reader(text).plain(text) === text;
