// All that happens, as it happens.

import { to } from "../../lib/router.js";
import { Component, h } from "../../lib/view.js";
import { Ago } from "../../parts/time.js";
import { Feed } from "../../state/feed.js";
import { told } from "./words.js";

/** The last changes of all incidents, each in words. */
export class Timeline extends Component {
  mounted() {
    this.feed = new Feed(() => this.update());
    this.update();
  }

  removed() {
    this.feed.stop();
  }

  render() {
    const { changes = [], loaded, error } = this.feed ?? {};
    return h("section", { class: "happening", "aria-labelledby": "happening-heading" },
      h("h2", { id: "happening-heading" }, "Latest changes"),
      error && !loaded && h("p", { class: "muted" }, "This cannot be shown now."),
      loaded && !changes.length && h("p", { class: "muted" }, "Nothing has happened yet."),
      h("ol", { class: "lines" }, changes.map((change) => h(Line, { key: change.id, change }))));
  }
}

function Line({ change }) {
  const { who, before, behind } = told(change);
  const { incident, occurredAt, isNew } = change;
  return h("li", { class: isNew ? "news is-new" : "news" },
    h("span", { class: "news-text" },
      h("bdi", { class: "news-who" }, who), ` ${before} `,
      incident ? h("a", { href: to(`incidents/${incident.reference}`), title: incident.title }, incident.reference) : "an incident",
      behind && ` ${behind}`,
      incident && h("bdi", { class: "news-title muted" }, ` ${incident.title}`)),
    h(Ago, { at: occurredAt }));
}
