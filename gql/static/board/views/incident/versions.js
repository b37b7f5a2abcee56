// The earlier versions of an update, each with what the next one made of it.

import { h } from "../../lib/view.js";
import { STATUSES } from "../../parts/marks.js";
import { Ago } from "../../parts/time.js";
import { difference } from "./difference.js";
import { nameOf, READERS } from "./words.js";

/** All edits of an update, the newest first; `source` is the update with its `editHistory`. */
export function Versions({ source }) {
  const texts = [...source.editHistory, source];
  const edits = source.editHistory.map((version, nth) => ({ before: version, after: texts[nth + 1] })).reverse();
  return h("section", { class: "update-versions", "aria-label": "Earlier versions" },
    edits.length
      ? h("ol", {}, edits.map(({ before, after }) =>
        h("li", { key: before.id },
          h("p", { class: "small muted" }, `Edited by ${nameOf(before.replacedBy)}, `, h(Ago, { at: before.replacedAt }), otherChanges(before, after)),
          h(Difference, { before: before.message, after: after.message }))))
      : h("p", { class: "small muted" }, "It was edited; its earlier versions are not for everybody."));
}

/** A text with what was taken out of it and what was put in. */
function Difference({ before, after }) {
  const words = { added: "ins", removed: "del", same: "span" };
  return h("div", { class: "text-box", dir: "auto" }, difference(before, after).map(({ text, kind }) => h(words[kind], {}, text)));
}

function otherChanges(before, after) {
  const changes = [];
  if (before.visibility !== after.visibility) changes.push(`for ${READERS[before.visibility][1].toLowerCase()} before, now ${READERS[after.visibility][1].toLowerCase()}`);
  if (before.statusChange !== after.statusChange) changes.push(`status ${STATUSES[before.statusChange]?.toLowerCase() ?? "none"} before, now ${STATUSES[after.statusChange]?.toLowerCase() ?? "none"}`);
  return changes.length ? ` (${changes.join("; ")})` : "";
}
