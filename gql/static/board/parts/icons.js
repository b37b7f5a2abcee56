// Icons: strokes of one width, drawn for this board. All are decoration; words stand beside them.

import { h } from "../lib/view.js";

const PATHS = {
  brand: "M4 18V9m5 9V5m5 13v-7m5 7V3",
  incidents: "M12 4 21 20H3zM12 10v4m0 3v.01",
  systems: "M4 4h16v6H4zM4 14h16v6H4zM8 7h.01M8 17h.01",
  automations: "M13 3 5 14h6l-1 7 8-11h-6z",
  settings: "M4 7h10m4 0h2M4 17h2m4 0h10M16 7a2 2 0 1 0-.01 0M8 17a2 2 0 1 0-.01 0",
  plus: "M12 5v14M5 12h14",
  close: "M6 6l12 12M18 6 6 18",
  search: "M11 4a7 7 0 1 0 .01 0M16.500 16.500 21 21",
  account: "M12 4a4 4 0 1 0 .01 0M4 21c0-5 4-7 8-7s8 2 8 7",
  keyboard: "M3 6h18v12H3zM7 10h.01M12 10h.01M17 10h.01M8 14h8",
  external: "M10 5H5v14h14v-5M14 4h6v6M20 4l-9 9",
  chevron: "M9 6l6 6-6 6",
  wall: "M3 5h18v12H3zM9 21h6",
};

/** An icon by its name. */
export function Icon({ name }) {
  return h("svg", { viewBox: "0 0 24 24", fill: "none", stroke: "currentColor", "stroke-width": 1.8, "stroke-linecap": "round", "stroke-linejoin": "round", "aria-hidden": "true" },
    h("path", { d: PATHS[name] }));
}
