// A table whose rows are cards on phones.

import { h } from "../lib/view.js";

/**
 * A table. `label` says what it holds, for those who hear it. `columns` are `{ name, label, cell(row), kind }`: the first
 * one is the row's head; `kind` is "text" of what people wrote, "number", "actions", or nothing. `keyOf` gives a row's key, by default its id.
 */
export function Table({ label, columns, rows, keyOf = ({ id }) => id }) {
  // The roles are said, because a table that is laid out as something else loses them.
  return h("table", { class: "table", role: "table", "aria-label": label },
    h("thead", { role: "rowgroup" },
      h("tr", { role: "row" }, columns.map(({ name, label: word, kind }) =>
        h("th", { key: name, role: "columnheader", scope: "col", class: kind }, kind === "actions" ? h("span", { class: "visually-hidden" }, word) : word)))),
    h("tbody", { role: "rowgroup" }, rows.map((row) =>
      h("tr", { key: keyOf(row), role: "row" }, columns.map(({ name, label: word, cell, kind }, nth) =>
        h(nth ? "td" : "th", { key: name, role: nth ? "cell" : "rowheader", scope: nth ? undefined : "row", class: kind, "data-label": word }, held(cell(row), kind)))))));
}

/** One element for what may be several, which a card lays out behind its word; actions are laid out one by one. */
function held(content, kind) {
  const isEmpty = content === undefined || content === null || content === false || content === "";
  return isEmpty || kind === "actions" ? content : h("div", {}, content);
}
