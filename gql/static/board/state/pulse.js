// Whether the server is there: asked so often that a page that is looked at is never wrong about it for two seconds. The
// connection's close tells of most ends; a frozen server, a lost network and a machine that slept have none.

const TICK_MILLIS = 250;
const PING_MILLIS = 750;
/** On a busy machine as well it is said within two seconds. Pings are not waited for, so that slow networks are not silent. */
const QUIET_MILLIS = 1_600;
/** After a sleep the server has this long to answer what is asked then. */
const WAKING_MILLIS = 900;
/**
 * Between two questions whether the server is back: at random, so that many pages do not come together. They spread over a
 * second, which is what two seconds leave; a server that this is too much for is late with its answers, which are waited
 * for, and then tried ever more rarely. Hidden pages, most of those that are open anywhere, ask nothing.
 */
const PAUSE_MILLIS = [300, 1_000];
/** Once it answers, what it has for the connection may be right behind; and a connection that is being made gets its time. */
const SETTLE_MILLIS = 300;
const CONNECT_MILLIS = 4_000;
const LONGEST_MILLIS = 15_000;
/** So many times in vain soon, and then ever more rarely: a server that answers but cannot be used is not to be pressed. */
const HASTY_TRIES = 3;
const HASTY_MILLIS = 500;
/** What is not there so long after the server answers again is not on its way. */
const RETURNING_MILLIS = 10_000;

/**
 * The pulse of a page. `page` has `state()`, the connection's; `client()`; `answers(path)`, which resolves to whether the
 * server answers there; `changed()`, called when what is public here has become another; and `retry(isUp)`, which
 * tries again what failed, and connects again unless the connection is up.
 */
export class Pulse {
  /** Since when nothing was heard, where that is too long; else nothing. */
  silentSince;
  /** Whether the server answers again, so that what is to be seen will be there in a moment. */
  isReturning = false;
  #page;
  #timer;
  /** For what is due between two ticks. */
  #extra;
  #ticked = 0;
  #pinged = 0;
  /** When a plain request was answered last, and since when each one was. */
  #answered = 0;
  #there;
  /** What was heard before a sleep counts as heard then. */
  #from = 0;
  #isAsking = false;
  #askAt = 0;
  #tries = 0;
  #triedAt = 0;

  constructor(page) {
    this.#page = page;
  }

  start() {
    document.addEventListener("visibilitychange", this.#look);
    this.#look();
  }

  stop() {
    document.removeEventListener("visibilitychange", this.#look);
    this.#rest();
    this.silentSince = undefined;
    this.isReturning = false;
  }

  /** Nobody sees what a hidden page says, and browsers keep its timers back. */
  #look = () => {
    this.#rest();
    if (document.hidden) return;
    this.#timer = setInterval(() => this.#tick(), TICK_MILLIS);
    this.#tick();
  };

  #rest() {
    clearInterval(this.#timer);
    clearTimeout(this.#extra);
    this.#timer = undefined;
  }

  /** Looks once more after a pause that ends before the next tick. */
  #tickIn(millis) {
    clearTimeout(this.#extra);
    if (this.#timer && millis < TICK_MILLIS) this.#extra = setTimeout(() => this.#tick(), millis);
  }

  #tick() {
    const now = Date.now();
    if (Math.abs(now - this.#ticked) > 4 * TICK_MILLIS) this.#from = now - QUIET_MILLIS + WAKING_MILLIS;
    this.#ticked = now;
    const { status, since, retryAt } = this.#page.state();
    const isOpen = this.#page.client().heard !== undefined;
    if (status === "live" || isOpen) this.#ping(now);
    const heard = Math.max(this.#page.client().heard ?? this.#answered, this.#from);
    const isSilent = status === "live" && now - heard >= QUIET_MILLIS;
    if (status === "live" && !isSilent) this.#tickIn(heard + QUIET_MILLIS - now);
    if (isSilent !== (this.silentSince !== undefined)) {
      this.silentSince = isSilent ? new Date(heard) : undefined;
      this.#there = undefined;
      this.#page.changed();
    }
    const isUp = isOpen && now - heard <= QUIET_MILLIS;
    // Over a connection that works, a subscription is only not there yet.
    const isConnecting = status === "connecting" && !isUp;
    if (isSilent || status === "behind" || isConnecting) this.#pursue(now, { isUp, since: retryAt ?? (isConnecting ? since : undefined) });
    else {
      this.#tries = this.#triedAt = 0;
      // What was answered before the trouble says nothing about its end.
      this.#there = undefined;
    }
    const isReturning = this.#there !== undefined && now - this.#there < RETURNING_MILLIS;
    if (isReturning === this.isReturning) return;
    this.isReturning = isReturning;
    this.#page.changed();
  }

  #ping(now) {
    if (Math.abs(now - this.#pinged) < PING_MILLIS) return;
    this.#pinged = now;
    if (!this.#page.client().ping()) this.#ask();
  }

  /** Asks whether the server is back, and connects again once it is. `since` is when the present try began, or will begin. */
  #pursue(now, { isUp, since: tried = 0 }) {
    // A connection that works is an answer, too.
    if (isUp) this.#there ??= now;
    else if (now >= this.#askAt) this.#ask();
    else this.#tickIn(this.#askAt - now);
    if (this.#there === undefined) return;
    const isWaiting = tried > now;
    const isConnecting = tried > 0 && !isWaiting && !this.silentSince && !isUp;
    const least = isConnecting ? CONNECT_MILLIS * 2 ** this.#tries : this.#tries && HASTY_MILLIS * 2 ** Math.max(0, this.#tries - HASTY_TRIES);
    const since = Math.max(this.#triedAt, isConnecting ? Number(tried) : 0);
    if (now - since < Math.min(least, LONGEST_MILLIS) || ((isConnecting || this.silentSince) && now - this.#there < SETTLE_MILLIS)) return;
    this.#tries += 1;
    this.#triedAt = now;
    this.#page.retry(isUp);
  }

  async #ask() {
    if (this.#isAsking) return;
    this.#isAsking = true;
    // For whether it is there, a path that costs it nothing; for whether it can be used again, one that asks its database.
    const isLive = this.#page.state().status === "live" && !this.silentSince;
    const isThere = await this.#page.answers(isLive ? "livez" : "health");
    this.#isAsking = false;
    const now = Date.now();
    const [shortest, longest] = PAUSE_MILLIS;
    this.#askAt = now + shortest + Math.random() * (longest - shortest);
    // Without a connection that says so sooner, a refused request is the end.
    this.#answered = isThere ? now : 0;
    const isOther = isThere !== (this.#there !== undefined);
    this.#there = isThere ? (this.#there ?? now) : undefined;
    if (isOther && this.#timer) this.#tick();
  }
}
