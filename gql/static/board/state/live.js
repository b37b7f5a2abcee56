// Subscriptions as things with a present value, and the one state of the connection behind them all.

import { ROOT } from "../lib/router.js";
import { Pulse } from "./pulse.js";
import { onSession, session } from "./session.js";

const ANSWER_MILLIS = 3_000;
const REFUSED = ["UNAUTHENTICATED", "FORBIDDEN"];
const watches = new Set();
const listeners = new Set();
const pulse = new Pulse({
  state: () => worst(),
  client: () => session.client,
  // Without a body, which would keep the connection from others until somebody reads it.
  answers: (path) => fetch(new URL(path, ROOT), { method: "HEAD", cache: "no-store", signal: AbortSignal.timeout(ANSWER_MILLIS) }).then(({ ok }) => ok, () => false),
  changed() {
    tell();
    for (const watch of [...watches]) watch.changed?.();
  },
  retry(isUp) {
    if (!isUp) session.client.reconnect();
    for (const watch of [...watches]) watch.retry?.();
  },
});

/**
 * A subscription that is followed until `stop()`. With `list`, `items` and `totalCount` are the live list as it is now;
 * otherwise `data` is the last message. `loaded` says whether there was one; `error` why there will be no more.
 * `after` is the place in the log behind which it begins. After a change of who is signed in, it begins again from nothing.
 */
export class Live {
  constructor(document, variables, { list = false, after, next, changed }) {
    Object.assign(this, { document, variables, items: [], totalCount: 0, data: undefined, loaded: false, error: undefined });
    this.state = { status: "connecting", since: new Date() };
    this.isList = list;
    this.next = next;
    this.changed = changed;
    this.forget = onSession(() => this.begin());
    this.tracking = track(this);
    if (session.loaded) this.begin(after);
  }

  begin(after) {
    // Whoever hears of the session first may have stopped it.
    if (!watches.has(this)) return;
    this.watch?.stop();
    Object.assign(this, { items: [], totalCount: 0, data: undefined, loaded: false, error: undefined });
    this.watch = session.client.watch(this.document, {
      variables: this.variables,
      after,
      ...(this.isList ? { list: (items, more) => this.take({ items, ...more }) } : { next: (data, more) => this.take({ data, ...more }) }),
      state: (state) => this.show(state),
      lost: this.isList ? undefined : () => this.onLost?.(),
    });
    this.changed();
  }

  take({ items, totalCount, data, cursor, errors }) {
    this.loaded = true;
    if (items) Object.assign(this, { items, totalCount });
    else this.data = data;
    this.next?.(data ?? items, { cursor, errors });
    this.changed();
  }

  show(state) {
    this.state = state;
    if (state.status === "ended") this.error = state.reason;
    this.tracking.tell();
    this.changed();
  }

  stop() {
    this.watch?.stop();
    this.forget();
    this.tracking.end();
  }
}

/**
 * Counts something with a `state` towards the connection's, until `end()`; `tell()` says that its state is another. Its
 * `retry()` is called, if it has one, when the server is back, and its `changed()` when the server falls silent or speaks again.
 */
export function track(watch) {
  watches.add(watch);
  if (watches.size === 1) pulse.start();
  return {
    tell,
    end() {
      if (watches.delete(watch) && !watches.size) pulse.stop();
      tell();
    },
  };
}

function tell() {
  for (const listener of [...listeners]) listener();
}

/** Calls `listener` whenever the connection's state may have changed. */
export function onConnection(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Calls `listener` each time the connection has become live; for what failed or may have been missed before. */
export function onReturn(listener) {
  let wasLive = connection().status === "live";
  return onConnection(() => {
    const isLive = connection().status === "live";
    const isBack = isLive && !wasLive;
    wasLive = isLive;
    if (isBack) listener();
  });
}

/** Returns the state of the connection: live, connecting, behind, returning, ended or refused, with its reason and since when. */
export const connection = () => honest(worst());

/** Returns a state as it is to be shown: not live while the server is silent, and not away once it answers again. */
export function honest(state) {
  const since = pulse.silentSince;
  const seen = since && state?.status === "live" ? { status: "behind", since, reason: { code: "SILENT", message: "The server does not answer." } } : state;
  return seen?.status === "behind" && pulse.isReturning ? { ...seen, status: "returning" } : seen;
}

/** Returns the worst state of all subscriptions; "refused" where there is nothing that the reader may see. */
function worst() {
  const order = ["live", "connecting", "behind", "ended"];
  let found;
  let refused;
  for (const { state, loaded } of watches) {
    const code = state.status === "ended" ? state.reason?.code : undefined;
    // Who never saw it misses nothing, and the page says why. Who saw it has to know that it is no longer true.
    if (REFUSED.includes(code) && !loaded) refused = { ...state, status: "refused" };
    // What came to its end, such as a run, is as it will stay, and so is what there is not; the page says which.
    else if (!["COMPLETE", "NOT_FOUND"].includes(code) && !(order.indexOf(state.status) <= order.indexOf(found?.status))) found = state;
  }
  return found ?? refused ?? { status: "live", since: new Date(0) };
}
