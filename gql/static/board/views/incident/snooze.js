// For how long reminders are silent.

import { documents } from "../../documents.js";
import { date } from "../../lib/time.js";
import { h } from "../../lib/view.js";
import { Dialog } from "../../parts/dialog.js";
import { act } from "./acting.js";

const MINUTE_MILLIS = 60_000;

/** Returns the moments that a reader may choose from now. */
export function choicesFrom(now) {
  const morning = new Date(now);
  morning.setDate(morning.getDate() + 1);
  morning.setHours(9, 0, 0, 0);
  const later = (minutes) => new Date(+now + minutes * MINUTE_MILLIS);
  return [["30 minutes", later(30)], ["1 hour", later(60)], ["4 hours", later(240)], ["Until tomorrow, 9 o'clock", morning], ["1 week", later(7 * 24 * 60)]];
}

/** The dialog: `feed`, `incident`, `onclose`. */
export function Snooze({ feed, incident, onclose }) {
  const { id, snoozedUntil } = incident;
  const isSnoozed = snoozedUntil && new Date(snoozedUntil) > new Date();
  const set = (until) => {
    act(feed, documents.Snooze, { id, until }, { snoozedUntil: until });
    onclose();
  };
  return h(Dialog, { title: "Snooze reminders", onclose },
    h("p", {}, isSnoozed ? `Reminders are silent until ${date(snoozedUntil)}.` : "Nobody is reminded of this incident for as long as you choose. It stays open, and everybody still sees it."),
    h("div", { class: "choices-list" },
      choicesFrom(new Date()).map(([word, until]) => h("button", { key: word, class: "button", onclick: () => set(until.toISOString()) }, word)),
      isSnoozed && h("button", { class: "button first", onclick: () => set(null) }, "Remind again from now on")));
}
