// One incident as the server has it: loaded at once, live from there, with the pages of its timeline read again after
// each change. After any number of lost connections it is the same as what a new page would show.

import { documents } from "../../documents.js";
import { Live, honest } from "../../state/live.js";
import { onSession, session } from "../../state/session.js";

/** The number of items of the timeline that are shown at first, and that "earlier" adds. */
export const PAGE = 50;
const LARGEST = 100;
const AGAIN_MILLIS = 100;
const RETRY_MILLIS = 1_000;
const LONGEST_RETRY_MILLIS = 15_000;

/** Returns the number in a reference such as "INC-42" or "42"; nothing where there is none. */
export function numberOf(reference) {
  const digits = /^(?:.*-)?0*(\d{1,9})$/.exec(reference)?.[1];
  return digits && Number(digits);
}

/**
 * `status` is "loading", "missing" (also: hidden), "failed" with an `error`, "ready", or "gone" once it was deleted. `incident`
 * has the facts; `items` the newest part of the timeline, oldest first; `earlier` the number of those before them.
 */
export class Feed {
  #live;
  #lives = [];
  #reading;
  #isStale = false;
  #failures = 0;
  #retry;
  #wanted = PAGE;
  #kinds;
  /** Raised when what is on its way belongs to somebody else or to another choice of kinds. */
  #turn = 0;

  constructor(reference, changed) {
    this.number = numberOf(reference);
    this.changed = changed;
    this.names = new Map();
    this.present = new Map();
    /** Raised with each name that was learned, for those who show names. */
    this.learned = 0;
    this.reset();
    // Before the subscriptions' own listeners, which would begin again what is of no use any more.
    this.forget = onSession(() => this.load());
    if (session.loaded) this.load();
  }

  reset() {
    Object.assign(this, { status: "loading", incident: undefined, items: [], earlier: 0, person: undefined, limits: undefined, error: undefined, ended: undefined, shownVersion: 0 });
  }

  /** Loads it as a new page would. */
  async load() {
    this.halt();
    this.reset();
    this.changed();
    if (this.number === undefined) return this.become("missing");
    const turn = ++this.#turn;
    try {
      const { cursor, viewer, incident } = await session.client.query(documents.IncidentPage, { number: this.number, last: this.#wanted, kinds: this.#kinds });
      if (turn !== this.#turn) return undefined;
      if (!incident) return this.become("missing");
      const { timeline, ...facts } = incident;
      Object.assign(this, { incident: facts, person: viewer.person, limits: viewer.systems && new Set(viewer.systems.map(({ id }) => id)), error: undefined });
      this.show([timeline], facts.version);
      this.status = "ready";
      this.follow(cursor);
      this.#failures = 0;
      this.changed();
    } catch (error) {
      if (turn !== this.#turn) return undefined;
      this.error = error;
      this.status = "failed";
      this.changed();
      this.#retry = setTimeout(() => this.load(), this.pause());
    }
    return undefined;
  }

  become(status) {
    this.status = status;
    if (status === "gone") this.halt();
    this.changed();
  }

  follow(cursor) {
    const { id } = this.incident;
    this.#live = new Live(documents.IncidentLive, { id }, {
      after: cursor,
      changed: () => this.isFollowed(),
      next: (data) => this.take(data),
    });
    if (["RESPONDER", "ADMIN"].includes(session.viewer?.role)) {
      // Steps of runs are on the timeline, and most of them change nothing about the incident itself.
      this.#lives.push(new Live(documents.RunsChanging, {}, {
        after: cursor,
        changed: () => {},
        next: ({ automationRuns: run }) => (run.contextKey === id || this.items.some((item) => item.run?.id === run.id)) && this.refresh(),
      }));
    }
  }

  isFollowed() {
    const live = this.#live;
    this.ended = live?.error?.code === "COMPLETE" ? undefined : live?.error;
    if (live?.state.status === "live" && this.#isStale) this.refresh();
    this.changed();
  }

  take(data) {
    if (!data) return;
    if (!data.incident) {
      this.become("gone");
      return;
    }
    this.incident = data.incident;
    this.refresh();
  }

  /** Whether the caller may write it: a token may be limited to some systems. */
  get isWithinLimits() {
    const { systems } = this.incident;
    return !this.limits || (systems.length > 0 && systems.every(({ id }) => this.limits.has(id)));
  }

  /** When what is shown was last known to be true, or nothing while it is live. */
  get since() {
    const state = honest(this.#live?.state);
    return ["behind", "returning"].includes(state?.status) ? state.since : undefined;
  }

  /** Reads the facts and the timeline again; for a writer who was told that they are not the newest. */
  async reload() {
    const { incident } = await session.client.query(documents.IncidentPage, { number: this.number, last: 1 });
    if (!incident) return;
    const { timeline, ...facts } = incident;
    if (facts.version >= this.incident.version) this.incident = facts;
    await this.refresh();
  }

  /** The update that it was resolved with, where it is on the part of the timeline that is shown. */
  get resolution() {
    return this.incident.resolvedAt ? this.items.findLast(({ update }) => update?.statusChange === "RESOLVED")?.update : undefined;
  }

  /** Shows only items of these kinds; all without. */
  async choose(kinds) {
    const chosen = kinds?.length ? kinds : undefined;
    if (String(chosen) === String(this.#kinds)) return;
    this.#kinds = chosen;
    this.#wanted = PAGE;
    await this.refresh();
  }

  /** Shows earlier items as well: one more page, or all. */
  async more(count = PAGE) {
    this.#wanted += count;
    await this.refresh();
  }

  /** Reads the shown part of the timeline again; resolves once it is as of now. */
  refresh() {
    this.#isStale = true;
    this.#reading ??= this.read().finally(() => (this.#reading = undefined));
    return this.#reading;
  }

  async read() {
    clearTimeout(this.#retry);
    while (this.#isStale && this.status === "ready") {
      this.#isStale = false;
      const turn = this.#turn;
      try {
        const pages = await this.pages();
        if (turn !== this.#turn) return;
        if (pages) this.show(pages, pages.version);
        else {
          // What came while it was read, or between two pages, is read once more.
          this.#isStale = true;
          await new Promise((resolve) => setTimeout(resolve, AGAIN_MILLIS));
        }
        this.#failures = 0;
      } catch (error) {
        if (turn !== this.#turn) return;
        this.#isStale = true;
        this.#retry = setTimeout(() => this.refresh(), this.pause());
        return;
      }
      this.changed();
    }
  }

  /** Returns the pages from the newest on, all of one version, or nothing where it changed between them. */
  async pages() {
    const pages = [];
    const versions = new Set();
    const kinds = this.#kinds;
    for (let left = this.#wanted, before; left > 0; left -= LARGEST) {
      const { incident } = await session.client.query(documents.IncidentTimeline, { id: this.incident.id, last: Math.min(left, LARGEST), before, kinds });
      // Deleted: the subscription says so.
      if (!incident) return pages;
      pages.unshift(incident.timeline);
      versions.add(incident.version);
      before = incident.timeline.pageInfo.startCursor;
      if (!incident.timeline.pageInfo.hasPreviousPage) break;
    }
    const [version] = versions;
    return versions.size > 1 || version < this.incident.version || kinds !== this.#kinds ? undefined : Object.assign(pages, { version });
  }

  show(pages, version) {
    if (!pages.length) return;
    this.shownVersion = version;
    this.items = pages.flatMap(({ nodes }) => nodes).map((item) => Object.assign(item, { key: keyOf(item) }));
    this.totalCount = pages[0].totalCount;
    this.earlier = this.totalCount - this.items.length;
    const transitions = this.items.flatMap(({ transition }) => transition ?? []);
    this.learn(transitions.flatMap(({ changeId, fromSystemIds, toSystemIds }) => [changeId, ...(fromSystemIds ?? []), ...(toSystemIds ?? [])]));
  }

  /** Learns who made changes, as long as the log has them, and what systems are called that it no longer affects. */
  async learn(ids) {
    const unknown = [...new Set(ids)].filter((id) => !this.names.has(id));
    for (const id of unknown) this.names.set(id, undefined);
    try {
      for (let nth = 0; nth < unknown.length; nth += LARGEST) {
        const { nodes } = await session.client.query(documents.NamesByIds, { ids: unknown.slice(nth, nth + LARGEST) });
        for (const node of nodes) if (node) this.names.set(node.id, node.name ?? node.actor);
      }
      if (!unknown.length) return;
      this.learned += 1;
      this.changed();
    } catch {
      // Without them the sentences are shorter; the next reading asks again.
      for (const id of unknown) this.names.delete(id);
    }
  }

  /** Takes what systems are called now, by their ids. */
  rename(names) {
    const others = [...names].filter(([id, name]) => this.present.get(id) !== name);
    if (!others.length) return;
    for (const [id, name] of others) this.present.set(id, name);
    this.learned += 1;
  }

  /** Returns what a system is called. */
  systemName = (id) => this.present.get(id) ?? this.incident.systems.find((system) => system.id === id)?.name ?? this.names.get(id) ?? "a system";

  pause() {
    return Math.min(LONGEST_RETRY_MILLIS, RETRY_MILLIS * 2 ** this.#failures++) * (0.5 + Math.random());
  }

  halt() {
    this.#turn += 1;
    clearTimeout(this.#retry);
    this.#live?.stop();
    for (const live of this.#lives) live.stop();
    this.#live = undefined;
    this.#lives = [];
    this.#isStale = false;
  }

  /** Ends it. */
  stop() {
    this.forget();
    this.halt();
  }
}

/** Returns what identifies an item of a timeline, whatever happens before and after it. */
function keyOf({ kind, update, transition, step, link, relation, change }) {
  return `${kind} ${(update ?? transition ?? step ?? link ?? relation ?? change)?.id}`;
}
