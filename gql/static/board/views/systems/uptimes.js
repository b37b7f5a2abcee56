// The uptime of systems in a list, asked for those that are seen, some at a time.

import documents from "../../documents.js";
import { daysAgo } from "./uptime.js";
import { session } from "../../state/session.js";

/** As many as one request asks for: a system's uptime takes the server some milliseconds. */
const AT_ONCE = 20;
const PAUSE_MILLIS = 60;

/** The points of systems by their ids; `changed` is called after each answer. */
export class Uptimes {
  constructor(days, changed) {
    Object.assign(this, { days, changed, points: new Map(), health: new Map(), wanted: new Set() });
    // Elements with `data-system`, asked for once they are nearly seen.
    this.seen = new IntersectionObserver((entries) => {
      for (const { isIntersecting, target } of entries) if (isIntersecting) this.want(target.dataset.system);
    }, { rootMargin: "300px" });
    this.observed = new WeakMap();
  }

  /** Asks again for a system whose health is another one than when it was asked for. */
  note({ id, health }) {
    const before = this.health.get(id);
    this.health.set(id, health.status);
    if (before && before !== health.status && this.points.has(id)) this.want(id, true);
  }

  want(id, again = false) {
    if (this.points.has(id) && !again) return;
    this.wanted.add(id);
    this.timer ??= setTimeout(() => this.ask(), PAUSE_MILLIS);
  }

  async ask() {
    const ids = [...this.wanted].slice(0, AT_ONCE);
    for (const id of ids) this.wanted.delete(id);
    try {
      const { nodes } = await session.client.query(documents.SystemUptimes, { ids, from: daysAgo(this.days) });
      for (const node of nodes) if (node?.uptime) this.points.set(node.id, node.uptime);
      this.changed();
    } catch {
      // The list itself says that there is no connection; what is seen later is asked for again.
    }
    this.timer = this.wanted.size && !this.isStopped ? setTimeout(() => this.ask(), PAUSE_MILLIS) : undefined;
  }

  stop() {
    this.isStopped = true;
    clearTimeout(this.timer);
    this.seen.disconnect();
  }
}
