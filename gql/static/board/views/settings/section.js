// What the pages of settings have in common: one dialog at a time, writes that read again, and a title.

import { Page } from "../../lib/page.js";
import { entitle } from "../../lib/title.js";
import { say } from "../../parts/toasts.js";
import { reasonOf } from "../../state/reasons.js";
import { session } from "../../state/session.js";

/** A page with dialogs. `open(dialog)` shows what a function renders, until `close()`. */
export class Section extends Page {
  shown() {
    entitle(this.constructor.title);
  }

  left() {
    entitle();
  }

  open = (dialog) => {
    this.dialog = dialog;
    this.update();
  };

  close = () => this.open(undefined);

  /** Sends a mutation, reads the page again, and returns the payload. */
  async send(document, input, done) {
    const data = await session.client.mutate(document, { input });
    await this.again();
    if (done) say(done);
    return Object.values(data)[0];
  }

  /** The same for buttons, which have no place for a reason: it is said at the edge. */
  async press(document, input, done) {
    try {
      return await this.send(document, input, done);
    } catch (error) {
      say(reasonOf(error), { bad: true });
      return undefined;
    }
  }
}
