// Updates that were written and not confirmed yet. Each has a key of its own and is kept over a reload and a crash, so that it
// is sent until the server has answered, and is there once however often that was.

import { documents } from "../../documents.js";
import { keep, kept } from "../../lib/local.js";
import { session } from "../../state/session.js";
import { newKey, write } from "../../state/writes.js";

const RETRY_MILLIS = 1_000;
const LONGEST_RETRY_MILLIS = 15_000;
/** Keys are known for 24 hours. */
const OLDEST_MILLIS = 23 * 3_600_000;
const PASSING = ["UNREACHABLE", "UNAVAILABLE", "TIMEOUT", "RATE_LIMITED", "UNKNOWN"];
const MOST_FAULTS = 5;

/** The outbox of one incident. `changed()` is called after each change, `refused(input, error)` with what was not taken. */
export class Outbox {
  constructor(incidentId, { changed, refused }) {
    Object.assign(this, { incidentId, changed, refused, failures: 0 });
    this.name = `outbox:${incidentId}`;
    this.by = writer();
    this.items = kept(this.name, []).filter(({ by }) => by === this.by).map((item) => ({ ...item, state: "waiting" }));
    this.timer = setTimeout(() => this.resume(), 0);
  }

  /** Sends what an earlier page left; what is too old for its key goes back to the reader. */
  resume() {
    for (const item of [...this.items]) {
      if (item.state !== "waiting") continue;
      if (Date.now() - item.at < OLDEST_MILLIS) this.send(item);
      else this.giveBack(item, { message: "This was written more than a day ago, and it is not known whether it arrived. Look at the timeline before you send it again." });
    }
  }

  /** Adds an update and sends it. */
  add(input) {
    const item = { key: newKey(), input, at: Date.now(), by: this.by, state: "sending" };
    this.items = [...this.items, item];
    // Read again before each change: other tabs have the same outbox.
    keep(this.name, [...kept(this.name, []), { key: item.key, input, at: item.at, by: item.by }]);
    this.send(item);
  }

  async send(item) {
    item.state = "sending";
    this.changed();
    const { input, key } = item;
    const patch = input.statusChange && !input.createdAt ? { status: input.statusChange, resolvedAt: input.statusChange === "RESOLVED" ? new Date().toISOString() : null } : {};
    try {
      const { update, incident } = await write(documents.PostUpdate, { incidentId: this.incidentId, ...input, idempotencyKey: key }, { id: this.incidentId, patch });
      Object.assign(item, { state: "sent", updateId: update.id, version: incident.version });
      this.failures = 0;
      this.forget(item);
    } catch (error) {
      item.faults = (item.faults ?? 0) + (error.code === "INTERNAL" ? 1 : 0);
      const isPassing = PASSING.includes(error.code) || (error.code === "INTERNAL" && item.faults < MOST_FAULTS);
      if (isPassing) this.wait(item);
      else this.giveBack(item, error);
    }
    this.changed();
  }

  wait(item) {
    item.state = "waiting";
    const millis = Math.min(LONGEST_RETRY_MILLIS, RETRY_MILLIS * 2 ** this.failures++) * (0.5 + Math.random());
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.resume(), millis);
  }

  /** Sends at once what waits: the connection is back. */
  wake() {
    if (!this.items.some(({ state }) => state === "waiting")) return;
    this.failures = 0;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.resume(), 0);
  }

  giveBack(item, error) {
    this.drop(item);
    this.refused(item.input, error);
  }

  /** Takes an update out that was not sent yet, and returns its text to the writer. */
  drop(item) {
    this.items = this.items.filter((other) => other !== item);
    this.forget(item);
    this.changed();
  }

  /** Leaves out what the timeline shows by now, or would show if it were of these kinds or this part. */
  confirm({ items, shownVersion }) {
    const shown = new Set(items.flatMap(({ update }) => update?.id ?? []));
    const left = this.items.filter(({ updateId, version }) => !shown.has(updateId) && !(version <= shownVersion));
    if (left.length < this.items.length) this.items = left;
  }

  forget({ key }) {
    const left = kept(this.name, []).filter((item) => item.key !== key);
    keep(this.name, left.length ? left : undefined);
  }

  stop() {
    clearTimeout(this.timer);
  }
}

/** Who writes: what one person left unsent is neither sent nor shown for another one at the same browser. */
export const writer = () => session.viewer?.id ?? "";
