// A page: a component that follows subscriptions while it is shown, and says its title and its shortcuts.

import { Asked } from "../state/asked.js";
import { Live } from "../state/live.js";
import { onSession } from "../state/session.js";
import { onWrites } from "../state/writes.js";
import { register } from "./keys.js";
import { Component } from "./view.js";

/** Subclasses have `render(props)`, and may have `title()`, a getter `shortcuts`, and `shown()` and `left()`. */
export class Page extends Component {
  #lives = new Map();
  #asked = new Map();
  #ends = [];

  mounted() {
    this.#ends.push(onWrites(() => this.update()), onSession(() => this.update()));
    if (this.shortcuts) this.#ends.push(register(this.shortcuts));
    this.shown?.();
    this.update();
  }

  removed() {
    for (const end of this.#ends) end();
    for (const held of [...this.#lives.values(), ...this.#asked.values()]) held.stop();
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

  /**
   * Returns a query's answer of this page by name, asked at its first use; its `again()` asks once more. With other
   * variables it is asked anew, and shows what there was until then. Options are those of `Asked`.
   */
  ask(name, document, variables = {}, options = {}) {
    const key = JSON.stringify([document, variables]);
    const present = this.#asked.get(name);
    if (present?.key === key) return present;
    present?.stop();
    const asked = new Asked(document, variables, { ...options, changed: () => this.update() });
    if (present?.loaded) Object.assign(asked, { data: present.data, loaded: true, isOld: true });
    asked.key = key;
    this.#asked.set(name, asked);
    return asked;
  }
}
