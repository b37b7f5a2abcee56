// Choosing several things by typing: an input with a list below it, and what was chosen before it.

import { Component, h } from "../lib/view.js";
import { Icon } from "./icons.js";

const PAUSE_MILLIS = 150;
const GAP_PIXELS = 4;
const LEAST_PIXELS = 280;

/**
 * A picker of things with `id` and `name`, and perhaps a `note`. Props: `chosen`, `onchange(chosen)`, `most` that can be
 * chosen, `search(text)` with a promise of `{ items, totalCount }`, `placeholder`, and what `Field` gives to its control.
 */
export class Picker extends Component {
  constructor(props) {
    super(props);
    this.text = "";
    this.items = [];
    this.totalCount = 0;
    this.active = 0;
  }

  mounted() {
    addEventListener("scroll", this.place, { capture: true, passive: true });
    addEventListener("resize", this.place);
  }

  removed() {
    removeEventListener("scroll", this.place, { capture: true });
    removeEventListener("resize", this.place);
    clearTimeout(this.timer);
    this.asked = undefined;
  }

  /** Puts the list below the input, or above it where there is more room; over everything, so that no dialog cuts it off. */
  place = () => {
    const list = this.dom?.querySelector?.(".picker-list");
    if (!list?.showPopover) return;
    const isShown = Boolean(this.isOpen && this.isKnown);
    if (isShown !== list.matches(":popover-open")) list.togglePopover(isShown);
    if (!isShown) return;
    const { left, top, bottom, width } = this.dom.querySelector("input").getBoundingClientRect();
    const below = innerHeight - bottom;
    const isAbove = below < Math.min(list.offsetHeight, LEAST_PIXELS) && top > below;
    const room = (isAbove ? top : below) - 2 * GAP_PIXELS;
    const values = { left, width, room, y: isAbove ? top - GAP_PIXELS - Math.min(list.offsetHeight, room) : bottom + GAP_PIXELS };
    for (const [name, value] of Object.entries(values)) list.style.setProperty(`--${name}`, `${Math.round(value)}px`);
  };

  /** Opens the list and looks for the text, after a pause where somebody is typing. */
  find(pause = 0) {
    this.isOpen = true;
    clearTimeout(this.timer);
    const asked = (this.asked = Symbol(this.text));
    this.timer = setTimeout(async () => {
      let found;
      try {
        found = await this.props.search(this.text.trim());
        this.wrong = undefined;
      } catch ({ message }) {
        found = { items: [], totalCount: 0 };
        this.wrong = message;
      }
      // An answer that came late is about another text.
      if (asked !== this.asked) return;
      Object.assign(this, found, { active: 0, isKnown: true });
      this.update();
    }, pause);
    this.update();
  }

  close() {
    this.isOpen = false;
    this.update();
  }

  change(chosen) {
    this.props.onchange(chosen);
    this.update();
  }

  /** Takes an item up, or out where it is chosen already. */
  toggle(item) {
    const { chosen, most = 100 } = this.props;
    const others = chosen.filter(({ id }) => id !== item.id);
    const isNew = others.length === chosen.length;
    if (isNew && chosen.length >= most && most > 1) return;
    // Where there is room for one only, another one takes its place.
    this.change(isNew ? [...chosen, item].slice(-most) : others);
    if (most === 1) this.close();
    if (!this.text) return;
    this.text = "";
    if (this.isOpen) this.find();
  }

  press(event) {
    const { key } = event;
    if (event.isComposing) return;
    if (key === "ArrowDown" || key === "ArrowUp") {
      if (!this.isOpen) this.find();
      else if (this.items.length) this.active = (this.active + (key === "ArrowDown" ? 1 : -1) + this.items.length) % this.items.length;
      this.update();
      queueMicrotask(() => this.dom?.querySelector(`#${this.props.id}-${this.active}`)?.scrollIntoView({ block: "nearest" }));
    } else if (key === "Enter" && this.isOpen) {
      const item = this.isKnown && this.items[this.active];
      if (item) this.toggle(item);
    } else if (key === "Escape" && this.isOpen) this.close();
    else if (key === "Backspace" && !this.text && this.props.chosen.length) {
      this.change(this.props.chosen.slice(0, -1));
      return;
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  type(event) {
    this.text = event.target.value;
    this.find(PAUSE_MILLIS);
  }

  render({ id, name, chosen, placeholder, onchange, search, most = 100, ...labels }) {
    const shown = this.isOpen && this.isKnown;
    // Once it is on the page as rendered here.
    queueMicrotask(this.place);
    return h("div", { class: "picker" },
      chosen.length > 0 && h("ul", { class: "chips" }, chosen.map((item) => h(Chip, { key: item.id, item, onremove: this.forget }))),
      h("input", {
        id, "aria-describedby": labels["aria-describedby"], "aria-invalid": labels["aria-invalid"], "aria-label": labels["aria-label"],
        "data-field": name, type: "text", role: "combobox", autocomplete: "off", spellcheck: "false", maxlength: 200, placeholder,
        "aria-expanded": shown ? "true" : "false", "aria-controls": `${id}-list`, "aria-autocomplete": "list",
        "aria-activedescendant": shown && this.items.length ? `${id}-${this.active}` : undefined,
        value: this.text,
        onfocus: () => this.find(), onclick: () => this.isOpen || this.find(), onblur: () => this.close(),
        oninput: (event) => this.type(event), onkeydown: (event) => this.press(event),
      }),
      h("div", { class: "picker-list", popover: "manual", "data-open": shown ? "" : undefined, onmousedown: (event) => event.preventDefault() },
        h("ul", { id: `${id}-list`, class: "options", role: "listbox", tabindex: -1, "aria-multiselectable": "true", "aria-label": labels["aria-label"] ?? "Found" },
          this.items.map((item, nth) => h("li", {
            key: item.id, id: `${id}-${nth}`, role: "option", class: nth === this.active ? "option active" : "option",
            "aria-selected": chosen.some((other) => other.id === item.id) ? "true" : "false",
            // It would cover what comes next; a click on the input opens it again.
            onclick: () => {
              this.toggle(item);
              this.close();
            },
          }, h("bdi", { class: "one-line" }, item.name), item.note && h("span", { class: "muted small one-line" }, item.note)))),
        h("p", { class: "note" }, this.words(most))),
      h("span", { class: "visually-hidden", role: "status" }, shown ? this.words(most) || `${this.items.length} found` : ""));
  }

  /** What there is to say below the list. */
  words(most) {
    if (this.wrong) return this.wrong;
    if (most > 1 && this.props.chosen.length >= most) return `No more than ${most} can be chosen.`;
    if (!this.items.length) return this.text ? "Nothing has this in its name." : "There is nothing to choose yet.";
    const more = this.totalCount - this.items.length;
    return more > 0 ? `${more} more: type a part of the name.` : "";
  }

  forget = (item) => {
    this.change(this.props.chosen.filter(({ id }) => id !== item.id));
    this.dom.querySelector("input").focus();
  };
}

function Chip({ item, onremove }) {
  return h("li", { class: "chip" },
    h("bdi", { class: "one-line" }, item.name),
    h("button", { type: "button", class: "chip-remove", "aria-label": `Remove ${item.name}`, onclick: () => onremove(item) }, h(Icon, { name: "close" })));
}
