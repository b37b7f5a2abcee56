// The form that an update turns into while it is edited. What was typed is kept over a reload.

import { keep, kept } from "../../lib/local.js";
import { Component, h } from "../../lib/view.js";
import { Field, choices } from "../../parts/field.js";
import { STATUSES } from "../../parts/marks.js";
import { fromField, toField, ZONE_WORDS } from "./moments.js";
import { READERS } from "./words.js";

/** Where an edit is kept while it is not saved. */
export const editOf = ({ id }) => `edit:${id}`;

/** Props: `source` with the text as written, `feed`, `onlost(values)` for a text whose update was deleted, `update`, `onsave(changes)`, `oncancel()` and `ondelete()`. */
export class EditUpdate extends Component {
  constructor(props) {
    super(props);
    const { source, update } = props;
    this.name = editOf(update);
    this.values = { message: kept(this.name, source.message), visibility: source.visibility, statusChange: source.statusChange, at: toField(update.createdAt) };
  }

  set(name, value) {
    this.values[name] = value;
    if (name === "message") keep(this.name, value === this.props.source.message ? undefined : value);
    this.update();
  }

  async submit(event) {
    event.preventDefault();
    const { source, update } = this.props;
    const { message, visibility, statusChange, at } = this.values;
    const mine = {};
    if (message !== source.message) mine.message = message;
    if (visibility !== source.visibility) mine.visibility = visibility;
    if (statusChange && statusChange !== source.statusChange) mine.statusChange = statusChange;
    if (at !== toField(update.createdAt)) mine.createdAt = fromField(at);
    if (Object.keys(mine).length) await this.props.onsave(mine);
    else this.cancel();
  }

  cancel() {
    this.props.oncancel();
  }

  removed() {
    const { source, update, feed, onlost } = this.props;
    const { message } = this.values;
    // Somebody deleted it while it was edited: the text goes where it can be sent from.
    if (message !== source.message && !feed.items.some((item) => item.update?.id === update.id)) onlost(this.values);
  }

  render({ update }) {
    const { message, visibility, statusChange, at } = this.values;
    const id = update.id;
    return h("form", { class: "form edit-update", onsubmit: (event) => this.submit(event), onkeydown: (event) => this.press(event) },
      h(Field, { name: `message-${id}`, label: "Text", help: "Markdown.", control: h("textarea", { value: message, required: true, maxlength: 25000, dir: "auto", autofocus: true, oninput: (event) => this.set("message", event.target.value) }) }),
      h("div", { class: "form-row" },
        h(Field, { name: `visibility-${id}`, label: "Who reads it", help: READERS[visibility][0], control: choices(words(), { value: visibility, onchange: (event) => this.set("visibility", event.target.value) }) }),
        statusChange && h(Field, { name: `status-${id}`, label: "Status with it", control: choices(STATUSES, { value: statusChange, onchange: (event) => this.set("statusChange", event.target.value) }) }),
        h(Field, { name: `at-${id}`, label: "Dated", help: ZONE_WORDS, control: h("input", { type: "datetime-local", step: 1, required: true, value: at, oninput: (event) => this.set("at", event.target.value) }) })),
      h("div", { class: "actions" },
        h("button", { type: "button", class: "button quiet apart", onclick: () => this.props.ondelete() }, "Delete this update"),
        h("button", { type: "button", class: "button", onclick: () => this.cancel() }, "Cancel"),
        h("button", { class: "button first" }, "Save")));
  }

  press(event) {
    if (event.key === "Escape") this.cancel();
    else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.currentTarget.requestSubmit();
    else return;
    event.preventDefault();
  }
}

const words = () => Object.fromEntries(Object.entries(READERS).map(([name, [, word]]) => [name, word]));
