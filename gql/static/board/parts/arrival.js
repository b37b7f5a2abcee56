// What somebody is told who was signed in by a link: as whom, and how to undo it. Anybody can send such a link.

import { Component, h } from "../lib/view.js";
import { closeLink, onSession, session, signOut } from "../state/session.js";
import { nameOf } from "./account.js";
import { say } from "./toasts.js";

/** The notice; it stays until it is answered, or the page is loaded again. */
export class Arrival extends Component {
  mounted() {
    this.end = onSession(() => this.update());
  }

  removed() {
    this.end();
  }

  async leave() {
    try {
      await signOut();
      closeLink();
      say("You are signed out.");
    } catch {
      say("The server cannot be reached, and you are still signed in. Try again in a moment.", { bad: true });
    }
  }

  render() {
    const { link, viewer } = session;
    if (!link?.unasked || !viewer) return null;
    return h("div", { class: "notice calm arrival no-print", role: "status" },
      h("span", {}, "The link that you followed has signed you in as ", h("bdi", { class: "strong" }, nameOf(viewer)), `, ${viewer.role.toLowerCase()}. What you do here is done in that name.`),
      h("button", { class: "button small", onclick: closeLink }, "That is me"),
      h("button", { class: "button small", onclick: () => this.leave() }, "Not you? Sign out"));
  }
}
