// A page: a component that follows subscriptions while it is shown, and says its title and its shortcuts.

import { Live } from "../state/live.js";
import { onSession } from "../state/session.js";
import { onWrites } from "../state/writes.js";
import { register } from "./keys.js";
import { Component } from "./view.js";

/** Subclasses have `render(props)`, and may have `title()`, a getter `shortcuts`, and `shown()` and `left()`. */
export class Page extends Component {
  #lives = new Map();
  #ends = [];

  mounted() {
    this.#ends.push(onWrites(() => this.update()), onSession(() => this.update()));
    if (this.shortcuts) this.#ends.push(register(this.shortcuts));
    this.shown?.();
    this.update();
  }

  removed() {
    for (const end of this.#ends) end();
    for (const live of this.#lives.values()) live.stop();
    this.left?.();
  }

  /**
   * Returns a subscription of this page by name, begun at its first use. With other variables it begins again, and shows
   * what there was until the first message has come. Options are those of `Live`.
   */
  follow(name, document, variables = {}, options = {}) {
    const key = JSON.stringify([document, variables]);
    const present = this.#lives.get(name);
    if (present?.key === key) return present;
    present?.stop();
    const live = new Live(document, variables, { ...options, changed: () => this.update() });
    if (present?.loaded) Object.assign(live, { items: present.items, totalCount: present.totalCount, data: present.data });
    live.key = key;
    this.#lives.set(name, live);
    return live;
  }

  /** Ends a subscription that is no longer needed. */
  unfollow(name) {
    this.#lives.get(name)?.stop();
    this.#lives.delete(name);
  }
}
