// The uptime of systems in a list, asked for those that are seen, some at a time, and again as time passes.

import { documents } from "../../documents.js";
import { whileSeen } from "../../lib/every.js";
import { daysAgo } from "./uptime.js";
import { session } from "../../state/session.js";

/** As many as one request asks for: a system's uptime takes the server some milliseconds. */
const AT_ONCE = 20;
const PAUSE_MILLIS = 60;
const RETRY_MILLIS = 3_000;
/** A system that stays as it is changes its share all the same. */
const AGAIN_SECONDS = 60;

/** The points of systems by their ids; `changed` is called after each answer. */
export class Uptimes {
  constructor(days, changed) {
    Object.assign(this, { days, changed, points: new Map(), health: new Map(), wanted: new Set(), near: new Map() });
    // Elements with `data-system`, asked for once they are nearly seen.
    this.seen = new IntersectionObserver((entries) => entries.forEach((entry) => this.see(entry)), { rootMargin: "300px" });
    this.end = whileSeen(AGAIN_SECONDS, () => this.refresh());
  }

  see({ isIntersecting, target }) {
    const id = target.dataset.system;
    if (!isIntersecting) {
      if (this.near.get(id) === target) this.near.delete(id);
      return;
    }
    this.near.set(id, target);
    if (!this.points.has(id)) this.want(id);
  }

  /** Asks again for a system whose health is another one than when it was asked for. */
  note({ id, health }) {
    const before = this.health.get(id);
    this.health.set(id, health.status);
    if (before && before !== health.status && (this.points.has(id) || this.near.has(id))) this.want(id);
  }

  /** Asks again for all that can be seen; what else was known is asked for once it is seen. */
  refresh() {
    for (const id of this.points.keys()) if (!this.near.get(id)?.isConnected) this.points.delete(id);
    for (const [id, element] of this.near) {
      if (element.isConnected) this.want(id);
      else this.near.delete(id);
    }
  }

  want(id) {
    this.wanted.add(id);
    this.timer ??= setTimeout(() => this.ask(), PAUSE_MILLIS);
  }

  async ask() {
    const ids = [...this.wanted].slice(0, AT_ONCE);
    let pause = PAUSE_MILLIS;
    for (const id of ids) this.wanted.delete(id);
    try {
      const { nodes } = await session.client.query(documents.SystemUptimes, { ids, from: daysAgo(this.days) });
      for (const node of nodes) if (node?.uptime) this.points.set(node.id, node.uptime);
      this.changed();
    } catch {
      // The list itself says that there is no connection.
      for (const id of ids) this.wanted.add(id);
      pause = RETRY_MILLIS;
    }
    this.timer = this.wanted.size && !this.isStopped ? setTimeout(() => this.ask(), pause) : undefined;
  }

  stop() {
    this.isStopped = true;
    clearTimeout(this.timer);
    this.end();
    this.seen.disconnect();
  }
}
