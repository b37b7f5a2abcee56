// A long live list. A subscription shows a hundred items at most, so that a longer list is several of them, each between
// two of its items: all of it is live, and only what somebody asked for is fetched.

const MOST = 100;

/** The orders that a list can have: as the API takes it, and the items up to or behind one. Numbers make it complete. */
export const ORDERS = {
  worst: {
    orderBy: { field: "SEVERITY", direction: "DESC", thenBy: { field: "NUMBER", direction: "DESC" } },
    upTo: ({ severity, number }) => ({ or: [{ severity: { gt: severity } }, { severity: { eq: severity }, number: { gte: number } }] }),
    behind: ({ severity, number }) => ({ or: [{ severity: { lt: severity } }, { severity: { eq: severity }, number: { lt: number } }] }),
  },
  resolved: {
    orderBy: { field: "RESOLVED_AT", direction: "DESC", thenBy: { field: "NUMBER", direction: "DESC" } },
    upTo: ({ resolvedAt: at, number }) => ({ or: [{ resolvedAt: { gt: at } }, { resolvedAt: { gte: at, lte: at }, number: { gte: number } }] }),
    behind: ({ resolvedAt: at, number }) => ({ or: [{ resolvedAt: { lt: at } }, { resolvedAt: { gte: at, lte: at }, number: { lt: number } }] }),
  },
};

/** A list in pieces, for one page. `read` is called while that renders. */
export class Pieces {
  #page;
  #document;
  #key;
  /** The last item of each piece but the last one. */
  #bounds = [];
  #count = 0;

  constructor(page, document) {
    this.#page = page;
    this.#document = document;
  }

  /** Returns `{ items, totalCount, loaded, error, state, hasMore }` of a filter in an order, followed from now on. */
  read(filter, orderName) {
    const key = JSON.stringify([filter, orderName]);
    if (key !== this.#key) this.#bounds = [];
    this.#key = key;
    const order = ORDERS[orderName];
    const lives = this.#lives(filter, order);
    if (this.#split(lives, order)) return this.read(filter, orderName);
    const known = new Set();
    // An item that moves from one piece to another may be in both for a moment.
    this.items = lives.flatMap(({ items }) => items).filter(({ id }) => !known.has(id) && known.add(id));
    const totalCount = Math.max(this.items.length, lives.reduce((sum, live) => sum + live.totalCount, 0));
    return {
      items: this.items,
      totalCount,
      loaded: lives.every(({ loaded }) => loaded),
      error: lives.find(({ error }) => error)?.error,
      hasMore: lives.at(-1).totalCount > lives.at(-1).items.length,
    };
  }

  /** Fetches the next hundred. */
  more() {
    if (this.items.length) this.#bounds.push(this.items.at(-1));
    this.#page.update();
  }

  #lives(filter, { orderBy, upTo, behind }) {
    const lives = [...this.#bounds, undefined].map((last, nth) => {
      const and = [nth > 0 && behind(this.#bounds[nth - 1]), last && upTo(last)].filter(Boolean);
      return this.#page.follow(`piece ${nth}`, this.#document, { filter: and.length ? { ...filter, and } : filter, first: MOST, orderBy }, { list: true });
    });
    for (let nth = lives.length; nth < this.#count; nth++) this.#page.unfollow(`piece ${nth}`);
    this.#count = lives.length;
    return lives;
  }

  /** Makes two of a piece that has grown too long, but for the last one, which simply goes on. */
  #split(lives, { upTo }) {
    const nth = lives.slice(0, -1).findIndex(({ loaded, items, totalCount }) => loaded && items.length >= 2 && totalCount > items.length);
    if (nth < 0 || !upTo) return false;
    this.#bounds.splice(nth, 0, lives[nth].items[Math.floor(lives[nth].items.length / 2)]);
    return true;
  }
}
