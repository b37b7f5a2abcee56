// An update on the timeline: its text in full, who may read it, its earlier versions, and editing where one may.

import { documents } from "../../documents.js";
import { keep } from "../../lib/local.js";
import { exact } from "../../lib/time.js";
import { Component, h } from "../../lib/view.js";
import { STATUSES } from "../../parts/marks.js";
import { say } from "../../parts/toasts.js";
import { Ago } from "../../parts/time.js";
import { reasonOf } from "../../state/reasons.js";
import { session } from "../../state/session.js";
import { write } from "../../state/writes.js";
import { act, change } from "./acting.js";
import { confirm } from "./confirm.js";
import { EditUpdate, editOf } from "./edit_update.js";
import { nameOf, READERS } from "./words.js";
import { Versions } from "./versions.js";

/** Longer texts are folded, so that what came before them stays near. */
const FOLDED_FROM = 3_000;

/** An update; `feed` is the incident's. */
export class Update extends Component {
  /** Loads the text as it was written; what is shown is what the server made of it. */
  async load(what) {
    try {
      const { node } = await session.client.query(documents.UpdateVersions, { id: this.props.update.id });
      if (!node) return;
      this.source = node;
      this.open = this.open === what ? undefined : what;
    } catch (error) {
      say(reasonOf(error), { bad: true });
    }
    this.update();
  }

  async save(mine) {
    const { update, feed } = this.props;
    const pick = (from) => Object.fromEntries(Object.keys(mine).map((name) => [name, from[name]]));
    const result = await change(feed, {
      what: "update", base: pick(this.base), mine, now: () => pick(this.latest), words,
      send: async (expectedVersion) => {
        try {
          await write(documents.EditUpdate, { id: update.id, incidentId: feed.incident.id, expectedVersion, ...mine }, {});
        } catch (error) {
          if (error.code === "VERSION_CONFLICT") await this.readLatest();
          throw error;
        }
      },
    });
    if (result !== "open") this.close();
  }

  async readLatest() {
    const { node } = await session.client.query(documents.UpdateVersions, { id: this.props.update.id });
    if (node) this.latest = node;
  }

  async readVersions() {
    this.source = { ...this.source, editedAt: this.props.update.editedAt };
    await this.readLatest();
    this.source = this.latest ?? this.source;
    this.update();
  }

  async edit() {
    await this.load("edit");
    this.base = this.latest = this.source;
  }

  close() {
    keep(editOf(this.props.update), undefined);
    this.open = undefined;
    this.update();
  }

  unfold() {
    this.isWhole = !this.isWhole;
    this.update();
  }

  async remove() {
    const { update, feed } = this.props;
    const consequence = update.statusChange ? ` The incident's status and times are worked out again without it.` : "";
    if (!(await confirm({ title: "Delete this update?", text: `It disappears for everybody, from the status page as well.${consequence}`, yes: "Delete the update" }))) return;
    await act(feed, documents.DeleteUpdate, { id: update.id, incidentId: feed.incident.id });
  }

  render({ update, feed, mayWrite }) {
    const { createdAt, createdBy, editedAt, statusChange, visibility, messageHtml } = update;
    // It was edited once more while its versions are shown.
    if (this.open === "versions" && this.source.editedAt < editedAt) this.readVersions();
    const isLong = messageHtml.length > FOLDED_FROM;
    return h("article", { class: "update", "aria-label": `Update by ${nameOf(createdBy)}` },
      h("header", { class: "update-head" },
        h("bdi", { class: "update-who" }, nameOf(createdBy)),
        statusChange && h("span", { class: "status-word" }, STATUSES[statusChange]),
        h(Ago, { at: createdAt }),
        h("span", { class: "muted", title: READERS[visibility][0] }, READERS[visibility][1]),
        editedAt && h("button", { class: "text-button", title: exact(editedAt), "aria-expanded": this.open === "versions" ? "true" : "false", onclick: () => this.load("versions") }, "edited"),
        mayWrite && this.open !== "edit" && h("button", { class: "text-button update-tool", onclick: () => this.edit() }, "Edit")),
      this.open === "edit"
        ? h(EditUpdate, { source: this.source, update, feed, onlost: feed.lost, onsave: (mine) => this.save(mine), oncancel: () => this.close(), ondelete: () => this.remove() })
        : h("div", { class: isLong && !this.isWhole ? "prose folded" : "prose", dir: "auto", html: messageHtml }),
      isLong && this.open !== "edit" && h("button", { class: "text-button no-print", "aria-expanded": this.isWhole ? "true" : "false", onclick: () => this.unfold() }, this.isWhole ? "Show less" : "Show the whole text"),
      this.open === "versions" && h(Versions, { source: this.source, editedAt }));
  }
}

/** Says what would be there: the text, and what else is changed with it. */
function words({ message, visibility, statusChange, createdAt }) {
  const others = [visibility && READERS[visibility][1], statusChange && STATUSES[statusChange], createdAt && exact(createdAt)].filter(Boolean);
  return [message, others.join(", ")].filter(Boolean).join("\n\n");
}
