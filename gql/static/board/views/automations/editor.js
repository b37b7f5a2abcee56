// The editor of a definition: a text in YAML or JSON, checked by the server while it is written, each problem at its line.

import { documents } from "../../documents.js";
import { Component, h } from "../../lib/view.js";
import { session } from "../../state/session.js";

const PAUSE_MILLIS = 350;
const LEAST_ROWS = 14;
const MOST_ROWS = 40;

/** The text and its problems. `changed(text, { value, isValid })` is called while it is written; `text` is where it begins. */
export class Editor extends Component {
  state = { problems: [], isChecked: false };

  mounted() {
    this.check(this.props.text);
  }

  removed() {
    clearTimeout(this.timer);
  }

  type(text) {
    clearTimeout(this.timer);
    this.props.changed(text, { isValid: false });
    this.timer = setTimeout(() => this.check(text), PAUSE_MILLIS);
    this.update();
  }

  async check(text) {
    const turn = (this.turn = (this.turn ?? 0) + 1);
    let found = {};
    let isKnown = true;
    try {
      found = (await session.client.query(documents.ValidateAutomation, { definition: text })).validateAutomation;
    } catch (error) {
      // The server says it again when it is saved.
      isKnown = false;
      found = { problems: [{ severity: "WARNING", path: "", message: `It could not be checked. ${error.message}` }] };
    }
    if (turn !== this.turn || this.gone) return;
    this.state = { problems: found.problems, isChecked: isKnown };
    this.props.changed(text, { value: found.definition, isValid: found.valid ?? true });
    this.update();
  }

  /** Puts the caret into the line of a problem, and selects it. */
  goTo(line) {
    const area = this.dom.querySelector("textarea");
    const rows = area.value.split("\n");
    const from = rows.slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
    area.focus();
    area.setSelectionRange(from, from + (rows[line - 1]?.length ?? 0));
    area.scrollTop = Math.max(0, (line - 5) * parseFloat(getComputedStyle(area).lineHeight));
  }

  render({ text, label = "Definition" }) {
    const { problems, isChecked } = this.state;
    const rows = (this.dom0?.value ?? text).split("\n").length;
    const marked = new Map(problems.filter(({ line }) => line).map(({ line, severity }) => [line, severity]).reverse());
    return h("div", { class: "editor" },
      h("div", { class: "editor-pane" },
        h("div", { class: "editor-gutter", "aria-hidden": "true", ref: (dom) => (this.gutter = dom) }, Array.from({ length: rows }, (_, nth) =>
          h("div", { key: nth, class: marked.get(nth + 1)?.toLowerCase() }, nth + 1))),
        h("textarea", {
          class: "editor-text", "aria-label": label, "aria-describedby": "editor-problems", "aria-invalid": problems.some(({ severity }) => severity === "ERROR") ? "true" : undefined,
          spellcheck: "false", autocapitalize: "none", autocomplete: "off", wrap: "off", rows: Math.min(MOST_ROWS, Math.max(LEAST_ROWS, rows + 1)), value: text,
          ref: (dom) => (this.dom0 = dom), oninput: (event) => this.type(event.target.value), onscroll: (event) => (this.gutter.scrollTop = event.target.scrollTop),
        })),
      h("div", { class: "editor-problems", id: "editor-problems", role: "status" },
        problems.length ? h("ul", { class: "plain-list" }, problems.map((problem, nth) => h("li", { key: nth }, h(ProblemLine, { problem, go: () => this.goTo(problem.line) }))))
          : h("p", { class: "muted small" }, isChecked ? "No problems." : "Checking…")));
  }
}

function ProblemLine({ problem, go }) {
  const { severity, path, message, line } = problem;
  return h("div", { class: `problem ${severity.toLowerCase()}` },
    h("span", { class: "problem-kind" }, severity === "ERROR" ? "Error" : "Warning"),
    line ? h("button", { type: "button", class: "problem-place", onclick: go }, `line ${line}`, path && h("code", {}, path)) : path && h("code", {}, path),
    h("span", {}, message));
}
