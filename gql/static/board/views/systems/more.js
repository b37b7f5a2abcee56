// Systems behind the first hundred of a live list: fetched by pages, and again when the list says that something changed.

import { documents } from "../../documents.js";
import { session } from "../../state/session.js";

const PAGE = 100;
const PAUSE_MILLIS = 2_000;

/** The rest of a list, as far as somebody looked; `rows` are all of the pages fetched so far. */
export class MoreSystems {
  constructor(filter, changed) {
    Object.assign(this, { filter, changed, rows: [], pages: 0, hasNext: true, isBusy: false });
  }

  /** Fetches one page more than before. */
  more() {
    if (this.hasNext && !this.isBusy) this.fetch(Math.max(2, this.pages + 1));
  }

  /** Something of the list is another: what was fetched is fetched again, soon and once. */
  refresh() {
    if (this.pages) this.timer ??= setTimeout(() => this.fetch(this.pages), PAUSE_MILLIS);
  }

  async fetch(pages) {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.isBusy = true;
    const rows = [];
    let info = { endCursor: undefined, hasNextPage: true };
    try {
      let count = 0;
      for (; count < pages && info.hasNextPage; count += 1) {
        const { systems } = await session.client.query(documents.MoreSystems, { filter: this.filter, first: PAGE, after: info.endCursor });
        rows.push(...systems.nodes);
        info = systems.pageInfo;
      }
      if (!this.isStopped) Object.assign(this, { rows, pages: count, hasNext: info.hasNextPage, error: undefined });
    } catch (error) {
      this.error = error;
    }
    this.isBusy = false;
    if (!this.isStopped) this.changed();
  }

  stop() {
    this.isStopped = true;
    clearTimeout(this.timer);
  }
}
