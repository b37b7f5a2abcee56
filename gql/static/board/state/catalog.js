// All systems with their health. A live list shows a hundred at most, and a wall has more: those behind the first hundred
// are read in pages, and followed by their health.

import { documents } from "../documents.js";
import { whileSeen } from "../lib/every.js";
import { Live } from "./live.js";
import { Maintained } from "./maintained.js";
import { session } from "./session.js";

const MOST = 100;
/** Systems behind the first hundred that are renamed, added or deleted are seen after so long. */
const AGAIN_SECONDS = 60;
const RETRY_MILLIS = 5_000;

/** The `systems` in the order of their names; nothing until they are known. */
export class Catalog {
  #first;
  #maintained;
  /** Those of all pages, while there are more than the first hundred. */
  #others;
  #health;
  #timer;
  #asked;
  #end;

  constructor(changed) {
    this.changed = changed;
    this.#first = new Live(documents.Systems, { first: MOST }, { list: true, changed: () => this.#gather() });
    this.#maintained = new Maintained(() => this.#gather());
    this.#end = whileSeen(AGAIN_SECONDS, () => this.#others && this.#read());
  }

  stop() {
    this.#forget();
    this.#end();
    this.#maintained.stop();
    this.#first.stop();
  }

  #gather() {
    // The first message may come before the constructor is done.
    const { items, totalCount, loaded } = this.#first ?? {};
    if (!loaded) {
      if (this.#others) this.#forget();
      this.systems = undefined;
      return this.changed();
    }
    const isWhole = totalCount <= items.length;
    if (isWhole && this.#asked) this.#forget();
    if (!isWhole && !this.#asked) this.#read();
    if (isWhole || this.#others) {
      const known = new Set(items.map(({ id }) => id));
      this.systems = [...items, ...(this.#others ?? []).filter(({ id }) => !known.has(id))].map(this.#maintained?.apply ?? ((system) => system));
    }
    return this.changed();
  }

  #forget() {
    clearTimeout(this.#timer);
    this.#health?.stop();
    this.#asked = this.#others = this.#health = undefined;
  }

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
    this.#others = found;
    this.#follow(first);
    this.#gather();
  }

  #follow(after) {
    this.#health?.stop();
    this.#health = new Live(documents.HealthChanges, {}, { after, changed: () => {}, next: (data) => data && this.#apply(data.systemHealth.systems) });
    this.#health.onLost = () => this.#read();
  }

  #apply(steps) {
    const known = new Map(steps.map(({ systemId, system }) => [systemId, system]));
    this.#others = this.#others.flatMap((system) => {
      if (!known.has(system.id)) return [system];
      return known.get(system.id) ?? [];
    });
    this.#gather();
  }
}
