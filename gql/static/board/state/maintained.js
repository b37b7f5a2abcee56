// Which systems are under maintenance now. No subscription tells of it, so that it is asked for every minute.

import documents from "../documents.js";
import { onSession, session } from "./session.js";

const AGAIN_MILLIS = 60_000;

/** The `ids` of systems under maintenance, nothing until they are known. */
export class Maintained {
  #end;
  #timer;

  constructor(changed) {
    this.changed = changed;
    this.#end = onSession(() => this.#ask());
    document.addEventListener("visibilitychange", this.#look);
    if (session.loaded) this.#ask();
  }

  stop() {
    this.isStopped = true;
    this.#end();
    clearTimeout(this.#timer);
    document.removeEventListener("visibilitychange", this.#look);
  }

  #look = () => document.hidden || this.#ask();

  async #ask() {
    clearTimeout(this.#timer);
    if (this.isStopped) return;
    this.#timer = setTimeout(() => document.hidden || this.#ask(), AGAIN_MILLIS);
    try {
      const { maintenances } = await session.client.query(documents.MaintenanceNow);
      this.ids = new Set(maintenances.nodes.flatMap(({ systems }) => systems.map(({ id }) => id)));
      this.changed();
    } catch {
      // What was known stays; the page says itself that the server is not reached.
    }
  }
}
