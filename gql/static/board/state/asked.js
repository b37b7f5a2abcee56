// Queries as things with a present value: asked once, and again when something says that there may be another answer.

import { onReturn, track } from "./live.js";
import { onSession, session } from "./session.js";

/** How often that is asked for of which no subscription tells: settings, automations, maintenance. */
export const POLLED = { seconds: 10 };
/** A question that was not answered for so long may be asked once more. */
const PATIENCE_MILLIS = 3_000;
/** Failures after which there is nothing to wait for. */
const FINAL = ["UNAUTHENTICATED", "FORBIDDEN", "BAD_USER_INPUT", "NOT_FOUND"];

/**
 * A query's answer until `stop()`: `data` once there is one, `loaded`, and `error` of the last try. What was known stays
 * while it is asked again. After a change of who is signed in, it begins anew.
 *
 * With `seconds`, for what no subscription tells of, it is asked again so often while somebody looks at the page, and its
 * failures count towards the state of the connection.
 */
export class Asked {
  constructor(document, variables, { changed, next, seconds }) {
    Object.assign(this, { document, variables, changed, next, seconds, data: undefined, loaded: false, error: undefined, turn: 0, least: 1, sentAt: 0 });
    if (seconds) {
      this.state = { status: "connecting", since: new Date() };
      this.tracking = track(this);
      globalThis.document.addEventListener("visibilitychange", this.look);
    }
    const forget = onSession(() => {
      Object.assign(this, { data: undefined, loaded: false, error: undefined });
      this.again();
    });
    const end = onReturn(() => this.retry());
    this.forget = () => (forget(), end());
    if (session.loaded) this.again();
  }

  /** Asks again. What is answered to earlier questions is out of date, and ignored. */
  again() {
    this.least = this.turn + 1;
    return this.ask();
  }

  /** Asks once more, where an answer to an earlier question would do as well. */
  async ask() {
    if (this.isStopped) return;
    const turn = ++this.turn;
    this.sentAt = Date.now();
    // Also for questions that are never answered.
    if (this.seconds) this.lookIn(this.seconds);
    let found = {};
    try {
      const data = await session.client.query(this.document, this.variables);
      // What is the same stays the same objects, so that nothing is drawn again.
      const text = this.seconds && JSON.stringify(data);
      found = { data: this.data && text && text === this.text ? this.data : data, text, loaded: true, error: undefined };
    } catch ({ code, message }) {
      found = { error: { code: code ?? "UNREACHABLE", message: code && code !== "UNREACHABLE" ? message : "The server cannot be reached. Try again in a moment." } };
    }
    if (turn < (found.error ? this.turn : this.least) || this.isStopped) return;
    this.least = turn;
    if (turn === this.turn) this.sentAt = 0;
    Object.assign(this, found);
    if (this.seconds) this.plan();
    if (found.data) this.next?.(found.data);
    this.changed();
  }

  /** Asks again at once what failed and may succeed now. */
  retry() {
    if (this.error && !FINAL.includes(this.error.code) && !this.isOnItsWay()) this.ask();
  }

  isOnItsWay() {
    return Date.now() - this.sentAt < PATIENCE_MILLIS;
  }

  plan() {
    const isFinal = FINAL.includes(this.error?.code);
    const status = !this.error ? "live" : isFinal ? "ended" : this.loaded ? "behind" : "connecting";
    this.state = { status, reason: this.error, since: this.state.status === status ? this.state.since : new Date() };
    this.tracking.tell();
    this.askedAt = Date.now();
    if (isFinal) clearTimeout(this.timer);
    else this.lookIn(this.seconds);
  }

  lookIn(seconds) {
    clearTimeout(this.timer);
    this.timer = setTimeout(this.look, seconds * 1_000);
  }

  look = () => {
    if (!globalThis.document.hidden && Date.now() - (this.askedAt ?? 0) > this.seconds * 900 && !this.isOnItsWay()) this.ask();
  };

  stop() {
    this.isStopped = true;
    this.forget();
    if (!this.seconds) return;
    clearTimeout(this.timer);
    globalThis.document.removeEventListener("visibilitychange", this.look);
    this.tracking.end();
  }
}
