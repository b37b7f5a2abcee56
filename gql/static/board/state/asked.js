// Queries as things with a present value: asked once, and again when something says that there may be another answer.

import { onSession, session } from "./session.js";

/**
 * A query's answer until `stop()`: `data` once there is one, `loaded`, and `error` of the last try. What was known stays
 * while it is asked again. After a change of who is signed in, it begins anew.
 */
export class Asked {
  constructor(document, variables, { changed, next }) {
    Object.assign(this, { document, variables, changed, next, data: undefined, loaded: false, error: undefined, turn: 0 });
    this.forget = onSession(() => {
      Object.assign(this, { data: undefined, loaded: false, error: undefined });
      this.again();
    });
    if (session.loaded) this.again();
  }

  /** Asks again. What is answered in the meantime is out of date, and ignored. */
  async again() {
    if (this.isStopped) return;
    const turn = ++this.turn;
    let found = {};
    try {
      found = { data: await session.client.query(this.document, this.variables), loaded: true, error: undefined };
    } catch ({ code, message }) {
      found = { error: { code: code ?? "UNREACHABLE", message: code ? message : "The server cannot be reached. Try again in a moment." } };
    }
    if (turn !== this.turn || this.isStopped) return;
    Object.assign(this, found);
    if (found.data) this.next?.(found.data);
    this.changed();
  }

  stop() {
    this.isStopped = true;
    this.forget();
  }
}
