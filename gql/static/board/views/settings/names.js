// The names of incidents that a list knows by their ids alone.

import { documents } from "../../documents.js";
import { session } from "../../state/session.js";

/** How many the API names at once. */
const MOST = 100;

/** Asks for each name once, all that a page needs together, and calls `changed` when they are known. */
export class Names {
  #known = new Map();
  #wanted = new Set();
  /** How often something new was known. */
  turn = 0;

  constructor(changed) {
    this.changed = changed;
  }

  /** Returns `{ reference, title }` of an incident; nothing while it is asked for, and null where it was deleted. */
  of(id) {
    if (!this.#known.has(id)) {
      this.#known.set(id, undefined);
      if (!this.#wanted.size) queueMicrotask(() => this.#ask());
      this.#wanted.add(id);
    }
    return this.#known.get(id);
  }

  async #ask() {
    const ids = [...this.#wanted];
    this.#wanted.clear();
    for (let nth = 0; nth < ids.length; nth += MOST) {
      const some = ids.slice(nth, nth + MOST);
      try {
        const { nodes } = await session.client.query(documents.IncidentNames, { ids: some });
        for (const [place, id] of some.entries()) this.#known.set(id, nodes[place]);
      } catch {
        // Asked again when the list is shown again.
        for (const id of some) this.#known.delete(id);
        return;
      }
    }
    this.turn += 1;
    this.changed();
  }
}
