// Moments and lengths in <time>, which keep themselves right.

import { ago, exact, lasted } from "../lib/time.js";
import { h } from "../lib/view.js";

/** A moment, as "4 min ago"; the exact one is its title. */
export function Ago({ at }) {
  return h("time", { datetime: at, title: exact(at), "data-as": "ago" }, ago(at));
}

/** A length: from a moment until another, or until now and growing. */
export function Lasted({ from, to }) {
  return to
    ? h("time", { datetime: `PT${Math.max(0, Math.round((new Date(to) - new Date(from)) / 1000))}S`, title: `${exact(from)} to ${exact(to)}` }, lasted(from, to))
    : h("time", { datetime: from, title: `Since ${exact(from)}`, "data-as": "span" }, lasted(from));
}
