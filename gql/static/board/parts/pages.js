// Pages of a list by cursor, as links: each page has an address of its own.

import { place, to } from "../lib/router.js";
import { h } from "../lib/view.js";

/** How many rows a page has. */
export const PAGE = 25;

/** Returns the variables of the page that the address names: those of the first one without `after` or `before`. */
export function pageVariables(parameters, size = PAGE) {
  const asked = new URLSearchParams(parameters);
  const before = asked.get("before");
  if (before) return { last: size, before };
  return { first: size, after: asked.get("after") ?? undefined };
}

/** The links to the pages before and behind; nothing where there is only one. `words` are those of the two. */
export function Pages({ info, words = ["Newer", "Older"], label = "Pages" }) {
  const { path, parameters } = place();
  const [back, on] = words;
  const hasBefore = info.hasPreviousPage || parameters.has("after");
  if (!hasBefore && !info.hasNextPage) return null;
  return h("nav", { class: "pages", "aria-label": label },
    link(back, hasBefore && info.startCursor && { before: info.startCursor }),
    link(on, info.hasNextPage && { after: info.endCursor }));

  function link(word, values) {
    if (!values) return h("span", { class: "button", "aria-disabled": "true" }, word);
    const next = new URLSearchParams(parameters);
    next.delete("after");
    next.delete("before");
    for (const [name, value] of Object.entries(values)) next.set(name, value);
    return h("a", { class: "button", href: `${to(path)}?${next}` }, word);
  }
}
