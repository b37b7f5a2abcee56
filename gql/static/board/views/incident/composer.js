// Where updates are written. What is typed is kept at once, over a reload and a crash, for each incident.

import { documents } from "../../documents.js";
import { keep, kept } from "../../lib/local.js";
import { Component, flush, h } from "../../lib/view.js";
import { Field, choices } from "../../parts/field.js";
import { STATUSES } from "../../parts/marks.js";
import { reasonOf } from "../../state/reasons.js";
import { session } from "../../state/session.js";
import { act } from "./acting.js";
import { fromField, toField, ZONE_WORDS } from "./moments.js";
import { writer } from "./outbox.js";
import { READERS } from "./words.js";

const EMPTY = { message: "", status: "", visibility: "PUBLIC", at: "" };
const LONGEST = 25_000;

/** Where a draft is kept: for each incident and each person at this browser. */
export const draftOf = (id) => `draft:${writer()}:${id}`;

/** Props: `feed`, `incident` as shown, `outbox`, and `onmade(composer)`, which is told who can be asked to `focus()`. */
export class Composer extends Component {
  constructor(props) {
    super(props);
    this.name = draftOf(props.incident.id);
    this.draft = { ...EMPTY, ...kept(this.name, {}) };
  }

  mounted() {
    this.props.onmade(this);
  }

  removed() {
    this.props.onmade(undefined);
  }

  /** Puts the cursor into the message, with a status to go with it. */
  focus(status) {
    if (status !== undefined) this.set({ status });
    this.isOpen = true;
    this.preview = undefined;
    this.update();
    // At once: what is typed next belongs into the field.
    flush();
    this.dom.querySelector("textarea")?.focus();
    this.dom.scrollIntoView({ block: "nearest" });
  }

  set(values) {
    Object.assign(this.draft, values);
    this.reason = values.message === undefined ? this.reason : undefined;
    keep(this.name, JSON.stringify(this.draft) === JSON.stringify(EMPTY) ? undefined : this.draft);
    this.update();
  }

  /** Takes back what was refused, before what has been typed since. */
  takeBack({ message, statusChange, visibility, createdAt }, error) {
    const typed = this.draft.message.trim();
    this.set({ message: typed ? `${message}\n\n${this.draft.message}` : message, status: statusChange ?? "", visibility, at: createdAt ? toField(createdAt) : "" });
    this.reason = `Not sent: ${reasonOf(error)}`;
    this.isOpen = true;
    this.update();
  }

  async submit(event) {
    event.preventDefault();
    const { feed, outbox } = this.props;
    const { message, status, visibility, at } = this.draft;
    const createdAt = at ? fromField(at) : undefined;
    if (!message.trim()) {
      if (status === "RESOLVED") await this.resolveSilently(feed, createdAt);
      else {
        this.reason = "Write what people should know first.";
        this.update();
        this.dom.querySelector("textarea").focus();
      }
      return;
    }
    this.reason = this.preview = undefined;
    // First into the outbox, then out of the draft: a crash in between repeats it and loses nothing.
    outbox.add({ message, visibility, ...(status && { statusChange: status }), ...(createdAt && { createdAt }) });
    this.draft = { ...EMPTY };
    keep(this.name, undefined);
    this.isOpen = false;
    const field = this.dom.querySelector("textarea");
    // Who sends faster than the page is rendered would find the text still there: to the renderer it was never shown.
    if (field) field.value = "";
    field?.blur();
    this.update();
  }

  async resolveSilently(feed, resolvedAt) {
    const { id } = feed.incident;
    const payload = await act(feed, documents.Resolve, { id, visibility: this.draft.visibility, ...(resolvedAt && { resolvedAt }) }, { status: "RESOLVED" });
    if (payload) this.set({ ...EMPTY });
  }

  async togglePreview() {
    if (this.preview !== undefined) this.preview = undefined;
    else {
      try {
        this.preview = (await session.client.query(documents.MarkdownAsHtml, { text: this.draft.message })).markdown;
      } catch (error) {
        this.reason = reasonOf(error);
      }
    }
    this.update();
  }

  press(event) {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.currentTarget.requestSubmit();
    else if (event.key === "Escape") event.target.blur();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  render({ incident }) {
    const { message, status, visibility, at } = this.draft;
    const isOpen = this.isOpen || message || status;
    return h("form", { class: isOpen ? "composer open" : "composer", "aria-label": "Post an update", onsubmit: (event) => this.submit(event), onkeydown: (event) => this.press(event), onfocusin: () => this.isOpen || this.unfold() },
      this.preview === undefined
        ? h(Field, { name: "update-message", label: h("span", { class: "visually-hidden" }, "Update"), wrong: this.reason, control: h("textarea", { value: message, rows: isOpen ? 4 : 1, maxlength: LONGEST, dir: "auto", placeholder: status === "RESOLVED" ? "What was it, and what mended it? This may stay empty." : "What do people need to know?", oninput: (event) => this.set({ message: event.target.value }) }) })
        : h("section", { class: "preview", "aria-label": "Preview" }, h("h2", { class: "visually-hidden" }, "Preview"), h("div", { class: "prose", dir: "auto", html: this.preview })),
      isOpen && this.renderChoices(incident, { message, status, visibility, at }));
  }

  unfold() {
    this.isOpen = true;
    this.update();
  }

  renderChoices(incident, { message, status, visibility, at }) {
    const statuses = { "": `Stays ${STATUSES[incident.status].toLowerCase()}`, ...Object.fromEntries(Object.entries(STATUSES).filter(([name]) => name !== incident.status)) };
    const readers = Object.fromEntries(Object.entries(READERS).map(([name, [, word]]) => [name, word]));
    return h("div", { class: "composer-rest" },
      h("div", { class: "form-row" },
        h(Field, { name: "update-status", label: "Status", control: choices(statuses, { value: status, onchange: (event) => this.set({ status: event.target.value }) }) }),
        h(Field, { name: "update-visibility", label: "Who reads it", control: choices(readers, { value: visibility, onchange: (event) => this.set({ visibility: event.target.value }) }) }),
        at && h(Field, { name: "update-at", label: "Dated", help: ZONE_WORDS, control: h("input", { type: "datetime-local", step: 1, value: at, oninput: (event) => this.set({ at: event.target.value }) }) })),
      h("div", { class: "actions" },
        h("p", { class: "readers" }, READERS[visibility][0]),
        h("button", { type: "button", class: "button quiet", onclick: () => this.set({ at: at ? "" : toField(new Date()) }) }, at ? "Date it now" : "Date it earlier"),
        h("button", { type: "button", class: "button quiet", disabled: !message.trim() && this.preview === undefined, onclick: () => this.togglePreview() }, this.preview === undefined ? "Preview" : "Write on"),
        h("button", { class: "button first" }, status === "RESOLVED" ? "Resolve" : "Post update")));
  }
}

/** Updates that are on their way, above the timeline. */
export function Waiting({ items, ondrop }) {
  return h("ol", { class: "entries updates-waiting" }, items.map((item) =>
    h("li", { key: item.key, class: "entry update", "aria-busy": "true" },
      h("article", { class: "update" },
        h("header", { class: "update-head" },
          h("span", { class: "update-who" }, "You"),
          item.input.statusChange && h("span", { class: "status-word" }, STATUSES[item.input.statusChange]),
          h("span", { class: "muted" }, READERS[item.input.visibility][1]),
          h("span", { class: "on-its-way", role: "status" }, item.state === "waiting" ? "Not sent yet, trying again" : "Sending…"),
          item.state === "waiting" && h("button", { class: "text-button", onclick: () => ondrop(item) }, "Take it back")),
        h("p", { class: "plain-text", dir: "auto" }, item.input.message)))));
}
