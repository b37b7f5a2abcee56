// All systems with their health: read in pages, then followed. A live list shows a hundred at most, and a wall has more.

import documents from "../documents.js";
import { Live } from "./live.js";
import { onSession, session } from "./session.js";

const AGAIN_MILLIS = 300_000;
const RETRY_MILLIS = 5_000;

/** The `systems` in the order of their names; nothing until they are known. */
export class Catalog {
  #live;
  #end;
  #timer;
  #asked;

  constructor(changed) {
    this.changed = changed;
    this.#end = onSession(() => {
      this.systems = undefined;
      this.#read();
    });
    if (session.loaded) this.#read();
  }

  stop() {
    clearTimeout(this.#timer);
    this.#asked = undefined;
    this.#end();
    this.#live?.stop();
  }

  /** Reads it anew, as every few minutes for systems that were added, renamed or deleted, and for maintenance. */
  async #read() {
    clearTimeout(this.#timer);
    const asked = (this.#asked = Symbol("asked"));
    const found = [];
    let after;
    let first;
    try {
      do {
        const { cursor, systems } = await session.client.query(documents.Catalog, { after });
        if (asked !== this.#asked) return;
        first ??= cursor;
        found.push(...systems.nodes);
        after = systems.pageInfo.hasNextPage ? systems.pageInfo.endCursor : undefined;
      } while (after);
    } catch {
      if (asked === this.#asked) this.#timer = setTimeout(() => this.#read(), RETRY_MILLIS);
      return;
    }
    this.systems = found;
    this.#follow(first);
    this.#timer = setTimeout(() => this.#read(), AGAIN_MILLIS);
    this.changed();
  }

  #follow(after) {
    this.#live?.stop();
    this.#live = new Live(documents.HealthChanges, {}, { after, changed: () => {}, next: (data) => data && this.#apply(data.systemHealth.systems) });
    this.#live.onLost = () => this.#read();
  }

  #apply(steps) {
    const known = new Map(steps.map(({ systemId, system }) => [systemId, system]));
    this.systems = this.systems.flatMap((system) => {
      if (!known.has(system.id)) return [system];
      return known.get(system.id) ?? [];
    });
    this.changed();
  }
}
