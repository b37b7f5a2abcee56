// A graph as a picture, its levels from left to right.

import { exact } from "../../lib/time.js";
import { h } from "../../lib/view.js";

const WIDTH = 224;
const HEIGHT = 48;
const ACROSS = 56;
const BETWEEN = 16;
const MARGIN = 4;
const LONGEST = 27;
const LONGEST_IN_BOLD = 24;

/** The picture of `graph`, as `laidOut` returns it. Its words stand in the list below it. */
export function Graph({ graph }) {
  const places = new Map();
  const rows = Math.max(...graph.levels.map((level) => level.length));
  graph.levels.forEach((level, x) => level.forEach((node, y) => {
    // Each level is in the middle of the height.
    const top = ((rows - level.length) * (HEIGHT + BETWEEN)) / 2;
    places.set(node.id, { x: MARGIN + x * (WIDTH + ACROSS), y: MARGIN + top + y * (HEIGHT + BETWEEN) });
  }));
  const width = graph.levels.length * (WIDTH + ACROSS) - ACROSS + 2 * MARGIN;
  const height = rows * (HEIGHT + BETWEEN) - BETWEEN + 2 * MARGIN;
  return h("div", { class: "graph", tabindex: "0", role: "region", "aria-label": "Cause and effect as a picture" },
    h("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": "From causes on the left to effects on the right" },
      graph.edges.map(({ source, target, link }) => h("path", { key: `${source} ${target} ${link}`, class: "graph-edge", d: line(places.get(source), places.get(target)), "aria-hidden": "true" })),
      graph.levels.flat().map((node) => h(Node, { key: node.id, node, place: places.get(node.id) }))));
}

function line(from, to) {
  const [x1, y1] = [from.x + WIDTH, from.y + HEIGHT / 2];
  const [x2, y2] = [to.x, to.y + HEIGHT / 2];
  const bend = Math.max(24, (x2 - x1) / 2);
  return `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2 - 6} ${y2}m-5 -4l6 4l-6 4`;
}

function Node({ node, place: { x, y } }) {
  const { title, by, at, href, kind, isBad } = node;
  const box = h("g", { class: `graph-node ${kind}${isBad ? " bad" : ""}`, transform: `translate(${x} ${y})` },
    h("title", {}, `${title} (${by}), ${exact(at)}`),
    h("rect", { width: WIDTH, height: HEIGHT, rx: kind === "run" ? 24 : 6 }),
    h("text", { x: kind === "run" ? 20 : 10, y: 20, class: "graph-title" }, short(title, LONGEST_IN_BOLD)),
    h("text", { x: kind === "run" ? 20 : 10, y: 37, class: "graph-by" }, short(by, LONGEST)));
  return href ? h("a", { href, "aria-label": `${title} (${by})` }, box) : box;
}

/** Cuts at whole characters, so that none is torn apart. */
function short(text, longest) {
  const letters = [...text];
  return letters.length > longest ? `${letters.slice(0, longest - 1).join("")}…` : text;
}
