// Better or worse than a day ago: the open incidents of the last 24 hours as a line, and in words.

import { h } from "../../lib/view.js";

const WIDTH = 240;
const HEIGHT = 48;

/** Props: `points` of the last day, `open` now. */
export function Trend({ points, open }) {
  if (!points?.length) return null;
  const [first] = points;
  const before = first.openAtEnd - first.opened + first.resolved - first.reopened;
  const values = [Math.max(0, before), ...points.map(({ openAtEnd }) => openAtEnd)];
  values[values.length - 1] = open;
  const sum = (name) => points.reduce((total, point) => total + point[name], 0);
  return h("div", { class: "wall-trend" },
    h("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": `Open incidents over the last 24 hours: ${values[0]} then, ${open} now` },
      h("path", { d: lineOf(values), fill: "none", stroke: "currentColor", "stroke-width": 2.5, "vector-effect": "non-scaling-stroke" })),
    h("p", { class: "wall-direction" }, direction(values[0], open)),
    h("p", { class: "wall-day" }, `${sum("opened").toLocaleString("en")} opened, ${sum("resolved").toLocaleString("en")} resolved`));
}

/** Says where it goes. */
export function direction(then, now) {
  if (now === then) return "As many as a day ago";
  const by = Math.abs(now - then).toLocaleString("en");
  return now > then ? `Worse: ${by} more in 24 h` : `Better: ${by} fewer in 24 h`;
}

/** A line of steps: a count stays what it is until it is another one. */
function lineOf(values) {
  const most = Math.max(1, ...values);
  const x = (nth) => ((nth / (values.length - 1)) * WIDTH).toFixed(1);
  const y = (value) => (HEIGHT - 3 - (value / most) * (HEIGHT - 6)).toFixed(1);
  return values.map((value, nth) => (nth ? `H${x(nth)}V${y(value)}` : `M0 ${y(value)}`)).join("");
}
