// The last changes of all incidents, and every one from then on.

import { documents } from "../documents.js";
import { Live } from "./live.js";
import { onSession, session } from "./session.js";

const MOST = 30;
const AGAIN_MILLIS = 5_000;

/** The newest changes first, in `changes`; those that came while it was followed have `isNew`. */
export class Feed {
  #live;
  #end;
  #timer;
  #asked;

  constructor(changed) {
    this.changed = changed;
    this.changes = [];
    this.#end = onSession(() => this.#begin());
    if (session.loaded) this.#begin();
  }

  stop() {
    clearTimeout(this.#timer);
    this.#asked = undefined;
    this.#end();
    this.#live?.stop();
  }

  /** Asks for the last changes, and follows the log from the place that these are as of. */
  async #begin() {
    clearTimeout(this.#timer);
    this.#live?.stop();
    this.#live = undefined;
    this.error = undefined;
    const asked = (this.#asked = Symbol("asked"));
    try {
      const { cursor, incidentChanges } = await session.client.query(documents.LastChanges, { last: MOST });
      if (asked !== this.#asked) return;
      this.changes = incidentChanges.nodes.toReversed();
      this.loaded = true;
      this.#follow(cursor);
    } catch (error) {
      if (asked !== this.#asked) return;
      this.error = error;
      // What is not allowed stays so until somebody else signs in.
      if (!["UNAUTHENTICATED", "FORBIDDEN"].includes(error.code)) this.#timer = setTimeout(() => this.#begin(), AGAIN_MILLIS);
    }
    this.changed();
  }

  #follow(after) {
    this.#live = new Live(documents.NewChanges, {}, {
      after,
      changed: () => {},
      next: (data) => data?.incidentChanges && this.#add(data.incidentChanges),
    });
    this.#live.onLost = () => this.#begin();
  }

  #add(change) {
    if (this.changes.some(({ id }) => id === change.id)) return;
    // All lines name an incident as it is now, and none that was deleted since.
    const before = this.changes.map((other) => (other.incidentId === change.incidentId ? { ...other, incident: change.incident } : other));
    this.changes = [{ ...change, isNew: true }, ...before].slice(0, MOST);
    this.changed();
  }
}
