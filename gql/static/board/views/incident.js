// One incident: what it is, what happened, and what to do next.

import { documents } from "../documents.js";
import { keep, kept } from "../lib/local.js";
import { Page } from "../lib/page.js";
import { go, setParameters, to } from "../lib/router.js";
import { clock } from "../lib/time.js";
import { entitle } from "../lib/title.js";
import { h } from "../lib/view.js";
import { Bones, Failure } from "../parts/states.js";
import { say } from "../parts/toasts.js";
import { named, namesOf } from "../state/names.js";
import { may } from "../state/session.js";
import { shown } from "../state/writes.js";
import { act } from "./incident/acting.js";
import { Aside } from "./incident/aside.js";
import { Causes } from "./incident/causes.js";
import { Composer, draftOf, Waiting } from "./incident/composer.js";
import { confirm, Question } from "./incident/confirm.js";
import { Conflict } from "./incident/conflict.js";
import { Description } from "./incident/description.js";
import { Feed } from "./incident/feed.js";
import { Header } from "./incident/header.js";
import { History } from "./incident/history.js";
import { Outbox, writer } from "./incident/outbox.js";
import { Report } from "./incident/report.js";
import { Snooze } from "./incident/snooze.js";
import { Timeline } from "./incident/timeline.js";

/** What can stand in the main column, by the parameter of the address; the causes are for responders. */
const VIEWS = { "": "Timeline", changes: "Changes", causes: "Cause and effect" };

/** The page of one incident, by its reference or number. */
export class Incident extends Page {
  constructor(props) {
    super(props);
    this.feed = new Feed(props.reference, () => this.update());
    this.feed.lost = (values) => this.composer?.takeBack({ message: values.message, visibility: values.visibility }, { message: "The update that you were editing is not there any more. This is your text." });
  }

  shown() {
    const { parameters } = this.props;
    this.wanted = new URLSearchParams(parameters).has("update") ? (new URLSearchParams(parameters).get("update") || "") : undefined;
  }

  left() {
    this.feed.stop();
    this.outbox?.stop();
  }

  get shortcuts() {
    const page = this;
    const own = (keys, does, run) => ({
      keys,
      // Those who may not are not told of it.
      get does() {
        return page.mayWrite ? does : undefined;
      },
      run: () => (page.mayWrite && page.feed.status === "ready" ? run() : false),
    });
    return [
      own(["a"], "Acknowledge", () => this.acknowledge()),
      own(["u"], "Post an update", () => this.compose()),
      own(["r"], "Resolve", () => this.compose("RESOLVED")),
      own(["e"], "Edit the title", () => this.title?.edit()),
      { keys: ["Escape"], does: "Back to the incidents", run: () => go(to()) },
    ];
  }

  get mayWrite() {
    return may("RESPONDER") && (this.feed.status !== "ready" || this.feed.isWithinLimits);
  }

  takeTitle = (title) => (this.title = title);
  takeComposer = (composer) => {
    this.composer = composer;
    if (composer && this.wanted !== undefined) {
      composer.focus(this.wanted || undefined);
      this.wanted = undefined;
      setParameters({ update: undefined });
    }
  };

  /** Puts the cursor where an update is written. */
  compose(status) {
    this.composer?.focus(status);
  }

  async acknowledge() {
    const { id, acknowledgedAt, resolvedAt } = shown(this.feed.incident);
    if (acknowledgedAt || resolvedAt) return;
    const { person } = this.feed;
    const patch = { acknowledgedAt: new Date().toISOString(), acknowledgedBy: person ?? { name: "you" } };
    await act(this.feed, documents.Acknowledge, { id }, patch);
  }

  /** What the menu holds. */
  more(incident, isAdmin) {
    const { id, resolvedAt, suppressNotifications } = incident;
    return [
      !resolvedAt && { word: "Snooze reminders…", run: () => this.open("snooze") },
      { word: suppressNotifications ? "Notify of its systems again" : "Suppress notifications", run: () => act(this.feed, documents.SetIncident, { id, suppressNotifications: !suppressNotifications }, { suppressNotifications: !suppressNotifications }) },
      { word: "Print a report…", run: () => this.print() },
      isAdmin && { word: "Delete…", isBad: true, run: () => this.remove(incident) },
    ].filter(Boolean);
  }

  open(dialog) {
    this.dialog = dialog;
    this.update();
  }

  /** Prints all of it, not only what is shown. */
  async print() {
    if (this.feed.earlier > 0) await this.feed.more(this.feed.earlier);
    print();
  }

  async remove({ id, reference, title }) {
    const text = `${reference} "${title}" disappears with its timeline and its links, for everybody and for good.`;
    if (!(await confirm({ title: "Delete this incident?", text, yes: "Delete it for good" }))) return;
    this.isDeleting = true;
    if (await act(this.feed, documents.DeleteIncident, { id })) {
      go(to());
      say(`${reference} was deleted.`);
    }
    this.isDeleting = false;
  }

  render() {
    const { feed } = this;
    if (feed.status === "loading") return h("div", { class: "incident-page" }, h("h1", { class: "visually-hidden" }, this.props.reference), h(Bones, { rows: 8 }));
    if (feed.status === "missing") return h("div", { class: "empty" }, h("h1", {}, "There is nothing here, or you may not see it"), h("p", {}, h("a", { href: to() }, "To the incidents")));
    if (feed.status === "failed") return h("div", { class: "incident-page" }, h("h1", {}, this.props.reference), h(Failure, { reason: feed.error }));
    const incident = shown(feed.incident);
    entitle(`${incident.reference} ${incident.title}`);
    if (feed.status === "gone") return h(Gone, { incident });
    return this.renderReady(incident);
  }

  renderReady(present) {
    const { feed, mayWrite } = this;
    const followed = this.followed(present);
    const names = namesOf(followed.health ?? []);
    feed.rename(names);
    const incident = named(present, names);
    this.openOutbox(incident);
    if (!feed.since) this.outbox.wake();
    return h("div", { class: incident.resolvedAt ? "incident-page calm" : "incident-page" },
      h(Header, { incident, feed, mayWrite, isAdmin: may("ADMIN"), page: this }),
      feed.ended && h("p", { class: "notice", role: "status" }, `This page is not live any more: ${feed.ended.message}`),
      feed.since && h("p", { class: "notice", role: "status" }, `Offline since ${clock(feed.since)}. This is how it was then. What you write is sent once the connection is back.`),
      h("div", { class: "incident-columns" },
        h("div", { class: "page-main" },
          h(Description, { incident, feed, mayWrite }),
          mayWrite && h(Composer, { key: writer(), incident, feed, outbox: this.outbox, onmade: this.takeComposer }),
          this.renderViews(incident)),
        h(Aside, { incident, feed, mayWrite, resolution: feed.resolution, person: feed.person, ...followed })),
      h(Report, { incident, feed, items: feed.items }),
      this.dialog === "snooze" && h(Snooze, { feed, incident, onclose: () => this.open(undefined) }),
      h(Conflict), h(Question));
  }

  openOutbox({ id }) {
    if (this.outbox?.incidentId !== id || this.outbox.by !== writer()) {
      this.outbox?.stop();
      this.outbox = new Outbox(id, {
        changed: () => this.update(),
        refused: (input, error) => {
          if (this.composer) this.composer.takeBack(input, error);
          // Whoever may no longer write finds it where they may again.
          else keep(draftOf(id), { message: input.message, status: input.statusChange ?? "", visibility: input.visibility, at: "" });
        },
      });
    }
    this.outbox.confirm(this.feed);
  }

  renderViews(incident) {
    const { feed, mayWrite } = this;
    const chosen = new URLSearchParams(this.props.parameters).get("view") ?? "";
    const view = chosen in VIEWS && (mayWrite || chosen !== "causes") ? chosen : "";
    const waiting = this.outbox.items;
    return h("div", {},
      h("nav", { class: "views no-print", "aria-label": "Views of the incident" }, Object.entries(VIEWS).map(([name, word]) =>
        (mayWrite || name !== "causes") && h("a", { key: name, href: `${to(`incidents/${incident.reference}`)}${name && `?view=${name}`}`, "aria-current": name === view ? "page" : undefined }, word))),
      view === "changes" ? h(History, { incident, feed, named: feed.learned })
        : view === "causes" ? h(Causes, { incident, feed })
          : h(Timeline, { items: feed.items, feed, mayWrite, named: feed.learned, earlier: feed.earlier, waiting: waiting.length > 0 && h(Waiting, { items: waiting, ondrop: (item) => this.takeBack(item) }) }));
  }

  /** The live lists of its systems and of the incidents that it is related to: they change without it. */
  followed({ systems, relations }) {
    const keys = systems.map(({ key }) => key);
    const numbers = relations.nodes.flatMap(({ incident }) => incident?.number ?? []);
    // A condition without values would be none at all.
    if (!keys.length) this.unfollow("health");
    const health = keys.length ? this.follow("health", documents.SystemsOfIncident, { filter: { key: { in: keys } }, first: 100 }, { list: true }) : undefined;
    if (!numbers.length) this.unfollow("related");
    const related = numbers.length ? this.follow("related", documents.RelatedIncidents, { filter: { number: { in: numbers }, includeResolved: true }, first: 50 }, { list: true }) : undefined;
    return { health: health?.items, related: related?.items };
  }

  takeBack(item) {
    this.outbox.drop(item);
    this.composer.takeBack(item.input, { message: "You took it back. It may have arrived: look at the timeline once the page is live." });
  }
}

/** It was deleted while it was open; what the reader was writing is not. */
function Gone({ incident }) {
  const { message } = kept(draftOf(incident.id), {});
  return h("div", { class: "incident-page" }, h("div", { class: "empty" },
    h("h1", {}, `${incident.reference} was deleted`),
    h("p", {}, "It is gone for everybody, with its timeline."),
    message && h("p", {}, "This is what you were writing:"),
    message && h("div", { class: "text-box", dir: "auto", tabindex: "0" }, message),
    h("p", {}, h("a", { href: to() }, "To the incidents"))));
}
