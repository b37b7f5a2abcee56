// IncidentQL's client: queries, mutations, and subscriptions that resume by cursor, over one WebSocket or, where none gets
// through, over Server-Sent Events. One file without dependencies; its types are in client.d.ts.

const PROTOCOL = "graphql-transport-ws";
const TICK_MILLIS = 5_000;
/** The server pings every 20 s: after this much silence the client asks, and later it takes the connection for lost. */
const QUIET_MILLIS = 25_000;
const LOST_MILLIS = 45_000;
const CONNECT_MILLIS = 10_000;
const PONG_MILLIS = 5_000;
/** A stream cannot be asked; its heartbeat comes every 15 s. */
const HEARTBEAT_MILLIS = 20_000;
const RETRY_MILLIS = 500;
const LONGEST_RETRY_MILLIS = 15_000;

const NO_ANSWER = "There is no answer.";
const REFUSED = 4403;
const SLOW_CONSUMER = 1013;
/** Errors of one subscription that pass. */
const PASSING = ["RATE_LIMITED", "SUBSCRIPTION_LIMIT", "UNAVAILABLE", "TIMEOUT", "INTERNAL", "UNREACHABLE"];
/** Subscriptions that send nothing at first: with no cursor yet, what happens while the connection is lost would be missed. */
const EVENTS = /\b(incidentEvents|incidentChanges|automationRuns|systemHealth)\b/;
const WAKING = ["online", "pageshow", "focus", "resume", "visibilitychange"];

/** A failure, with the server's `code` and all `errors`; `data` is what came beside them. */
export class IncidentqlError extends Error {
  constructor([first, ...others], data) {
    super(first.message);
    this.name = "IncidentqlError";
    this.code = first.code ?? first.extensions?.code ?? "UNKNOWN";
    this.field = first.field;
    this.errors = [first, ...others];
    this.data = data;
  }
}

/** Returns a client. `url` is by default the server that this file came from; `token` a text, a promise or a function. */
export function connect(options = {}) {
  return new Client(options);
}

class Client {
  #url;
  #token;
  #transport;
  /** The token of the connection, and the one that was refused last. */
  #used;
  #refused;
  #watches = new Set();
  #link;
  #opening;
  #timer;
  #ticking;
  #ticked;
  #heard;
  #sounds = 0;
  #failures = 0;
  /** The transport that worked first; the other one is tried when it fails again and again. */
  #worked;

  constructor({ url = new URL("graphql", import.meta.url), token, transport }) {
    this.#url = new URL(url, globalThis.location?.href);
    this.#token = token;
    this.#transport = globalThis.WebSocket ? transport : "sse";
  }

  /** Returns the data of a query; rejects with an IncidentqlError. */
  async query(document, variables) {
    const body = { query: String(document), variables };
    const token = await this.#authorize();
    let response = await send(this.#url, token, body);
    if (response.status === 401 && typeof this.#token === "function") {
      response = await send(this.#url, await this.#authorize(token ?? ""), body);
    }
    const { data, errors } = await answerOf(response);
    if (errors) throw new IncidentqlError(errors, data);
    return data;
  }

  /** Returns the data of a mutation; rejects with an IncidentqlError, also for `userErrors`. */
  async mutate(document, variables) {
    const data = await this.query(document, variables);
    const errors = Object.values(data).flatMap((payload) => payload?.userErrors ?? []);
    if (errors.length) throw new IncidentqlError(errors, data);
    return data;
  }

  /**
   * Subscribes until `stop()`. The document declares `$after: String` and passes it on, so that it resumes.
   * `next(data, { cursor, errors })` gets each event once; `list(items, { totalCount, cursor })` a live list as it is now;
   * `state(state)` every change of the state; `lost()` is called where events are no longer kept.
   */
  watch(document, { variables, after, next, list, state, lost } = {}) {
    const query = String(document);
    if (list && !/\bpreviousIndex\b/.test(query)) {
      throw new TypeError("Select startsOver, totalCount and changes { index previousIndex incident { ... } } (or system).");
    }
    const resumes = /\$after\b/.test(query);
    const watch = { query, variables, cursor: after, next, list, items: [], onState: state, lost, failures: 0 };
    watch.isEvents = resumes && EVENTS.test(query);
    watch.request = () => ({ query, variables: resumes ? { ...variables, after: watch.cursor } : variables });
    this.#watches.add(watch);
    this.#show(watch, "connecting");
    if (this.#watches.size === 1) this.#start();
    else if (this.#link?.isUp) this.#begin(watch);
    return {
      stop: () => this.#remove(watch),
      get state() {
        return watch.state;
      },
      get cursor() {
        return watch.cursor;
      },
    };
  }

  /** Stops all subscriptions and closes the connection. */
  close() {
    for (const watch of [...this.#watches]) this.#remove(watch);
  }

  /** When the server was last heard, in milliseconds, while a WebSocket is up. */
  get heard() {
    return this.#link?.isUp && this.#link.name === "ws" ? this.#heard : undefined;
  }

  /** Pings the server; returns false where that cannot be. */
  ping() {
    return this.heard !== undefined && this.#link.probe() > 0;
  }

  /** Connects anew at once, as at first. */
  reconnect() {
    this.#failures = 0;
    if (this.#watches.size) this.#lose({ code: "SILENT", message: NO_ANSWER, millis: 0 });
  }

  // --- the connection

  #start() {
    for (const name of WAKING) globalThis.addEventListener?.(name, this.#wake);
    this.#failures = 0;
    this.#refused = undefined;
    this.#ticked = Date.now();
    this.#ticking = setInterval(() => this.#tick(), TICK_MILLIS);
    // Not at once: the caller has to have what watch() returns first.
    this.#timer = setTimeout(() => this.#open(), 0);
  }

  #rest() {
    for (const name of WAKING) globalThis.removeEventListener?.(name, this.#wake);
    clearInterval(this.#ticking);
    this.#drop();
  }

  async #open() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const opening = (this.#opening = {});
    try {
      const token = await this.#authorize(this.#refused);
      if (opening !== this.#opening) return;
      this.#used = token;
      this.#hear();
      const open = this.#choose() === "sse" ? openStreams : openSocket;
      this.#link = open(this.#url, token, this.#events());
    } catch ({ message }) {
      if (opening === this.#opening) this.#lose({ code: "TOKEN", message });
    }
  }

  #events() {
    return {
      hear: () => this.#hear(),
      up: () => {
        this.#link.isUp = true;
        for (const watch of this.#watches) this.#begin(watch);
      },
      live: (watch) => this.#live(watch),
      next: (watch, payload) => this.#next(watch, payload),
      refuse: (watch, errors) => this.#refuse(watch, errors),
      complete: (watch) => this.#end(watch, { code: "COMPLETE", message: "There is no more to come." }),
      lose: (reason) => this.#lose(reason),
    };
  }

  #choose() {
    if (this.#transport) return this.#transport;
    const first = this.#worked ?? "ws";
    const patience = this.#worked ? 6 : 2;
    const isOther = this.#failures % patience === patience - 1;
    return isOther === (first === "ws") ? "sse" : "ws";
  }

  #drop() {
    clearTimeout(this.#timer);
    this.#timer = this.#opening = undefined;
    const link = this.#link;
    this.#link = undefined;
    for (const watch of this.#watches) watch.link = undefined;
    link?.close();
  }

  #lose({ code, message, millis }) {
    const wasLive = this.#link?.isLive;
    this.#drop();
    if (wasLive && code !== SLOW_CONSUMER) this.#failures = 0;
    let reason = { code: typeof code === "number" ? "CLOSED" : code, message: message || `closed with ${code}` };
    if (code === REFUSED) {
      reason = { code: "UNAUTHENTICATED", message };
      // A fresh token that is refused as well stays wrong.
      if (typeof this.#token !== "function" || this.#refused !== undefined) return this.#endAll(reason);
      this.#refused = this.#used ?? "";
      millis = 0;
    } else if (code >= 4400 && code < 4430 && code !== 4408) return this.#endAll(reason);
    millis ??= pause(this.#failures++);
    for (const watch of this.#watches) this.#delay(watch, reason, millis);
    this.#timer = setTimeout(() => this.#open(), millis);
  }

  // --- silence and sleep

  #hear() {
    this.#heard = Date.now();
    this.#sounds += 1;
  }

  #tick() {
    const now = Date.now();
    // Timers stand still while the machine sleeps, and so does every connection.
    const slept = Math.abs(now - this.#ticked) > 3 * TICK_MILLIS;
    this.#ticked = now;
    this.#check(slept);
  }

  #wake = () => {
    if (globalThis.document?.visibilityState !== "hidden") this.#check(true);
  };

  #check(isWoken) {
    if (!this.#link) {
      if (isWoken && this.#timer) this.#open();
      return;
    }
    this.#heard = Math.min(this.#heard, Date.now());
    const silent = Date.now() - this.#heard;
    const { isUp } = this.#link;
    if (silent > (isUp ? LOST_MILLIS : CONNECT_MILLIS)) {
      const message = `Nothing came for ${Math.round(silent / 1000)} s.`;
      this.#lose({ code: "SILENT", message, millis: isWoken ? 0 : undefined });
    } else if (isUp && (isWoken || silent > QUIET_MILLIS)) this.#probe();
  }

  #probe() {
    const link = this.#link;
    const sounds = this.#sounds;
    setTimeout(() => {
      if (link === this.#link && sounds === this.#sounds) this.#lose({ code: "SILENT", message: NO_ANSWER });
    }, link.probe());
  }

  // --- subscriptions

  async #begin(watch) {
    const link = this.#link;
    if (!link?.isUp || watch.link === link || watch.isBusy) return;
    watch.link = link;
    try {
      if (watch.isEvents && !watch.cursor) watch.cursor = (await this.query("{ cursor }")).cursor;
    } catch (error) {
      if (watch.link === link) this.#refuse(watch, error.errors ?? [{ code: "UNREACHABLE", message: error.message }]);
      return;
    }
    if (watch.link === link && this.#watches.has(watch)) link.start(watch);
  }

  #live(watch) {
    if (!this.#watches.has(watch)) return;
    this.#link.isLive = true;
    this.#worked ??= this.#link.name;
    this.#refused = undefined;
    watch.wasLive = true;
    watch.failures = 0;
    this.#show(watch, "live", { transport: this.#link.name });
  }

  #next(watch, { data, errors, extensions }) {
    if (!this.#watches.has(watch)) return;
    if (!data && errors?.some(({ path }) => !path)) return this.#refuse(watch, errors);
    const cursor = (watch.cursor = extensions?.cursor ?? watch.cursor);
    call(watch.next, data, { cursor, errors });
    const [update] = Object.values(data ?? {});
    if (!watch.list || !update) return;
    watch.items = applied(watch.items, update);
    call(watch.list, watch.items, { totalCount: update.totalCount, cursor });
  }

  async #refuse(watch, errors) {
    if (!this.#watches.has(watch)) return;
    const { code, message } = new IncidentqlError(errors);
    const isLost = code === "CURSOR_EXPIRED" && watch.lost;
    if (!isLost && !PASSING.includes(code)) return this.#end(watch, { code, message });
    watch.link?.stop(watch);
    watch.isBusy = true;
    try {
      if (isLost) watch.cursor = (await watch.lost()) ?? undefined;
      else await this.#pass(watch, { code, message });
    } catch (error) {
      return this.#refuse(watch, [{ code: "UNREACHABLE", message: error.message }]);
    }
    watch.isBusy = false;
    watch.link = undefined;
    if (this.#watches.has(watch)) this.#begin(watch);
  }

  #pass(watch, reason) {
    const millis = pause(watch.failures++);
    this.#delay(watch, reason, millis);
    return new Promise((resolve) => setTimeout(resolve, millis));
  }

  #delay(watch, reason, millis) {
    this.#show(watch, watch.wasLive ? "behind" : "connecting", { reason, retryAt: new Date(Date.now() + millis) });
  }

  #remove(watch) {
    if (!this.#watches.delete(watch)) return;
    watch.link?.stop?.(watch);
    if (!this.#watches.size) this.#rest();
  }

  #end(watch, reason) {
    this.#remove(watch);
    this.#show(watch, "ended", { reason });
  }

  #endAll(reason) {
    for (const watch of [...this.#watches]) this.#end(watch, reason);
  }

  #show(watch, status, more) {
    const since = watch.state?.status === status ? watch.state.since : new Date();
    watch.state = { status, since, ...more };
    call(watch.onState, watch.state);
  }

  // --- tokens and requests

  async #authorize(refused) {
    // A function learns which token was refused, so that it does not give that one out of its cache.
    return typeof this.#token === "function" ? this.#token(refused) : this.#token;
  }
}

// --- transports

function openSocket(url, token, client) {
  const address = new URL(url);
  address.protocol = address.protocol.replace("http", "ws");
  const socket = new WebSocket(address, PROTOCOL);
  const running = new Map();
  let last = 0;
  const say = (message) => socket.readyState === WebSocket.OPEN && socket.send(JSON.stringify(message));

  const received = {
    connection_ack: () => client.up(),
    ping({ payload }) {
      say({ type: "pong" });
      // Everything up to there was sent for what the server knew of. So it counts for what it has answered for.
      for (const { watch, isKnown } of running.values()) if (isKnown) advance(watch, payload?.cursor);
    },
    pong({ payload }) {
      const found = running.get(payload?.id);
      if (!found) return;
      found.isKnown = true;
      client.live(found.watch);
    },
    next: ({ id, payload }) => running.has(id) && client.next(running.get(id).watch, payload),
    error({ id, payload }) {
      const found = running.get(id);
      running.delete(id);
      if (found) client.refuse(found.watch, payload);
    },
    complete({ id }) {
      const found = running.get(id);
      running.delete(id);
      if (found) client.complete(found.watch);
    },
  };
  socket.onopen = () => say({ type: "connection_init", payload: token ? { Authorization: `Bearer ${token}` } : {} });
  socket.onmessage = ({ data }) => {
    client.hear();
    const message = JSON.parse(data);
    received[message.type]?.(message);
  };
  socket.onclose = ({ code, reason }) => client.lose({ code, message: reason });

  return {
    name: "ws",
    start(watch) {
      const id = String(++last);
      running.set(id, { watch });
      say({ id, type: "subscribe", payload: watch.request() });
      // Messages are handled in order: its pong shows that the subscription has begun.
      say({ type: "ping", payload: { id } });
    },
    stop(watch) {
      for (const [id, found] of running) {
        if (found.watch !== watch) continue;
        running.delete(id);
        say({ id, type: "complete" });
      }
    },
    probe() {
      say({ type: "ping" });
      return PONG_MILLIS;
    },
    close() {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close(1000);
    },
  };
}

function openStreams(url, token, client) {
  const running = new Map();

  function start(watch) {
    const abort = new AbortController();
    running.set(watch, abort);
    follow(watch, abort.signal).catch((error) => {
      if (!abort.signal.aborted) client.lose({ code: "UNREACHABLE", message: error.message });
    });
  }

  async function follow(watch, signal) {
    const response = await send(url, token, watch.request(), { accept: "text/event-stream", signal });
    if (!response.headers.get("Content-Type")?.startsWith("text/event-stream")) {
      const { errors } = await answerOf(response);
      if (response.status === 401) client.lose({ code: REFUSED, message: errors[0].message });
      else client.refuse(watch, errors);
      return;
    }
    client.hear();
    client.live(watch);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let [rest, event] = ["", {}];
    for (;;) {
      const { done, value } = await reader.read();
      if (done) throw new Error("The stream ended.");
      client.hear();
      const lines = (rest + value).split("\n");
      rest = lines.pop();
      for (const line of lines) {
        event = take(watch, event, line.replace(/\r$/, ""));
        if (signal.aborted) return;
      }
    }
  }

  function take(watch, event, line) {
    if (line) {
      const [, name, value] = /^(\w*): ?(.*)/.exec(line) ?? [];
      return { ...event, [name]: value };
    }
    if (event.event === "next") client.next(watch, JSON.parse(event.data));
    else if (event.event === "complete") client.complete(watch);
    else advance(watch, event.id);
    return {};
  }

  function stop(watch) {
    running.get(watch)?.abort();
    running.delete(watch);
  }

  queueMicrotask(client.up);
  return {
    name: "sse",
    start,
    stop,
    probe: () => HEARTBEAT_MILLIS,
    close: () => [...running.keys()].forEach(stop),
  };
}

async function send(url, token, body, { accept = "application/json", signal } = {}) {
  const headers = { Accept: accept, "Content-Type": "application/json" };
  if (token) headers.Authorization = `Bearer ${token}`;
  try {
    return await fetch(url, { method: "POST", headers, body: JSON.stringify(body), signal });
  } catch (error) {
    throw new IncidentqlError([{ code: "UNREACHABLE", message: error.message }]);
  }
}

async function answerOf(response) {
  const answer = await response.json().catch(() => ({}));
  if (answer.data || answer.errors) return answer;
  throw new IncidentqlError([{ code: "UNREACHABLE", message: `The server answered ${response.status}.` }]);
}

/** Returns a live list after one of its messages: a new array, with the same objects for items not named. */
function applied(items, { startsOver, changes }) {
  const list = startsOver ? [] : [...items];
  for (const { index, previousIndex, incident, system } of changes) {
    if (previousIndex !== null) list.splice(previousIndex, 1);
    if (index !== null) list.splice(index, 0, incident ?? system);
  }
  return list;
}

/** Keeps a place that the server named between events. Later places are greater texts. */
function advance(watch, cursor) {
  if (cursor && !(watch.cursor > cursor)) watch.cursor = cursor;
}

/** Returns the pause before a retry: at random, so that clients of a server that restarts come one by one. */
function pause(failures) {
  return 50 + Math.random() * Math.min(LONGEST_RETRY_MILLIS, RETRY_MILLIS * 2 ** failures);
}

/** Calls a handler of the page; what it throws stops nothing here. */
function call(handler, ...given) {
  try {
    handler?.(...given);
  } catch (error) {
    setTimeout(() => {
      throw error;
    });
  }
}
