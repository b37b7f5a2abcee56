// How the connection is, in words and always visible.

import { clock } from "../lib/time.js";
import { Component, h } from "../lib/view.js";
import { connection, onConnection } from "../state/live.js";
import { session } from "../state/session.js";

const REFUSED = ["UNAUTHENTICATED", "FORBIDDEN"];

const isKnown = () => session.viewer && session.viewer.role !== "ANONYMOUS";

/** Returns the words for a state of the connection. */
export function wordsOf({ status, since, reason }) {
  if (status === "live") return "Live";
  if (status === "connecting") return "Connecting";
  if (status === "returning") return "Catching up";
  if (status === "refused") return isKnown() ? "No access" : "Not signed in";
  if (status === "behind") return `Offline since ${clock(since)}`;
  return REFUSED.includes(reason?.code) ? "Not allowed" : "No longer live";
}

/** The pill in the bar. Screen readers hear changes, but not that all is well from the start. */
export class Connection extends Component {
  mounted() {
    this.end = onConnection(() => this.update());
  }

  removed() {
    this.end();
  }

  render() {
    const state = connection();
    return h("span", { class: "connection", role: "status", "data-status": state.status, title: state.reason?.message },
      h("span", { class: "one-line" }, wordsOf(state)));
  }
}
