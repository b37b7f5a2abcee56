// A band of health over time: a shape for each piece of it, and words for the piece that is pointed at or focused.

import { Component, h } from "../../lib/view.js";

const WIDTH = 1000;
const HEIGHT = 40;
const LEAST = 0.3;
/** What is shorter would not be seen. */
const NARROWEST = 3;

/**
 * A band over `pieces` of { from, to, kind, share, maintenance, words }, `from` and `to` as shares of its width, `title` what
 * it is about, `ends` the words below its ends. It is moved through by arrows, fingers and the pointer.
 */
export class Band extends Component {
  point(event) {
    const box = event.currentTarget.getBoundingClientRect();
    const at = (event.clientX - box.left) / box.width;
    const { pieces } = this.props;
    const found = pieces.findIndex(({ to }) => at < to);
    this.choose(found < 0 ? pieces.length - 1 : found);
  }

  press(event) {
    const last = this.props.pieces.length - 1;
    const now = this.chosen ?? last;
    const next = { ArrowLeft: now - 1, ArrowDown: now - 1, ArrowRight: now + 1, ArrowUp: now + 1, Home: 0, End: last, PageUp: now - 7, PageDown: now + 7 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    this.choose(Math.min(last, Math.max(0, next)));
  }

  choose(nth) {
    if (this.chosen === nth) return;
    this.chosen = nth;
    this.update();
  }

  render({ pieces, title, ends, said }) {
    const nth = this.chosen === undefined ? undefined : Math.min(this.chosen, pieces.length - 1);
    const piece = pieces[nth];
    return h("div", { class: "band" },
      h("div", {
        class: "band-track", role: "slider", tabindex: "0", "aria-label": title, "aria-valuemin": 0, "aria-valuemax": pieces.length - 1,
        "aria-valuenow": nth ?? pieces.length - 1, "aria-valuetext": (piece ?? pieces.at(-1)).words, "aria-orientation": "horizontal",
        onpointermove: (event) => this.point(event), onpointerdown: (event) => this.point(event), onpointerleave: () => this.choose(undefined),
        onkeydown: (event) => this.press(event), onfocus: () => this.choose(this.chosen ?? pieces.length - 1), onblur: () => this.choose(undefined),
      },
        h("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" },
          h(Pieces, { pieces }),
          piece && h("path", { class: "band-chosen", d: box(Math.min(piece.from, 1 - NARROWEST / WIDTH), Math.max(piece.to, piece.from + NARROWEST / WIDTH), 0, HEIGHT), "vector-effect": "non-scaling-stroke" }))),
      h("div", { class: "band-ends small muted", "aria-hidden": "true" }, ends.map((end, at) => h("span", { key: at }, end))),
      h("p", { class: "band-words small", "aria-hidden": "true" }, piece ? piece.words : h("span", { class: "muted" }, said)));
  }
}

/** The shapes, as one path for each kind. */
function Pieces({ pieces }) {
  const paths = { healthy: "", unknown: "", degraded: "", unhealthy: "", maintenance: "" };
  for (const { from: begin, to, kind, share, maintenance, gap = 0 } of pieces) {
    const from = Math.min(begin, 1 - NARROWEST / WIDTH);
    const end = Math.max(to - gap, from + NARROWEST / WIDTH);
    const height = kind === "degraded" || kind === "unhealthy" ? (HEIGHT - 6) * Math.max(LEAST, share) : 0;
    if (kind === "unknown") paths.unknown += box(from, end, HEIGHT - 9, HEIGHT - 6);
    else if (height < HEIGHT - 6) paths.healthy += box(from, end, 0, HEIGHT - 6 - height);
    if (height) paths[kind] += box(from, end, HEIGHT - 6 - height, HEIGHT - 6);
    if (maintenance) paths.maintenance += `M${from * WIDTH} ${HEIGHT - 2}H${end * WIDTH}`;
  }
  return h("g", {}, Object.entries(paths).map(([kind, d]) => d && h("path", { key: kind, class: `bar-${kind}`, d, "vector-effect": "non-scaling-stroke" })));
}

const box = (from, to, top, bottom) => `M${(from * WIDTH).toFixed(2)} ${top}H${(to * WIDTH).toFixed(2)}V${bottom}H${(from * WIDTH).toFixed(2)}z`;
