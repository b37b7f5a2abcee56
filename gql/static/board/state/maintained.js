// Which systems are under maintenance now. No subscription tells of it, so that it is asked for every minute.

import { documents } from "../documents.js";
import { whileSeen } from "../lib/every.js";
import { onSession, session } from "./session.js";

const AGAIN_SECONDS = 60;

/** The `ids` of systems under maintenance, nothing until they are known. */
export class Maintained {
  #ends;

  constructor(changed) {
    this.changed = changed;
    this.#ends = [onSession(() => this.#ask()), whileSeen(AGAIN_SECONDS, () => this.#ask())];
    if (session.loaded) this.#ask();
  }

  stop() {
    this.isStopped = true;
    for (const end of this.#ends) end();
  }

  /** Returns a system as it is in this respect. */
  apply = (system) => (this.ids && system.underMaintenance !== this.ids.has(system.id) ? { ...system, underMaintenance: this.ids.has(system.id) } : system);

  async #ask() {
    try {
      const { maintenances } = await session.client.query(documents.MaintenanceNow);
      if (this.isStopped) return;
      this.ids = new Set(maintenances.nodes.flatMap(({ systems }) => systems.map(({ id }) => id)));
      this.changed();
    } catch {
      // What was known stays; the page says itself that the server is not reached.
    }
  }
}
