// Writes about one incident: shown at once, said in words where they are refused, settled where somebody else was faster.

import { say } from "../../parts/toasts.js";
import { reasonOf } from "../../state/reasons.js";
import { shown, write } from "../../state/writes.js";
import { ask } from "./conflict.js";

const MOST_TRIES = 5;

/** Sends a write; returns its payload, or nothing after having said why not. */
export async function act(feed, document, input, patch) {
  try {
    return await write(document, input, { id: feed.incident.id, patch });
  } catch (error) {
    say(reasonOf(error), { bad: true });
    return undefined;
  }
}

/**
 * Changes a text or a value that somebody else may have changed since. `base` is what it was when the reader began, `mine` what
 * they want, `now()` what it is on the server, `send(version)` writes it. Where it was changed, both are shown, and the reader
 * decides. Returns "saved", "theirs", or "open" where nothing was decided or it failed: then the reader's text stays.
 */
export async function change(feed, { what, base, mine, now, send, words = String }) {
  for (let tries = 0; tries < MOST_TRIES; tries += 1) {
    // What is on its way may be the reader's own, and is no reason to ask.
    if (shown(feed.incident).isPending) await feed.reload();
    const theirs = now();
    if (!same(theirs, base) && !same(theirs, mine)) {
      const decision = await ask({ what, theirs: words(theirs), mine: words(mine) });
      if (decision !== "mine") return decision === "theirs" ? "theirs" : "open";
      base = theirs;
    }
    try {
      await send(feed.incident.version);
      return "saved";
    } catch (error) {
      if (error.code !== "VERSION_CONFLICT") {
        say(reasonOf(error), { bad: true });
        return "open";
      }
      await feed.reload();
    }
  }
  say("Others change this incident all the time. Try again in a moment.", { bad: true });
  return "open";
}

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
