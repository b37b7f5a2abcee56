// The times of a maintenance: each can be moved, or cancelled, alone.

import { documents } from "../../documents.js";
import { ZONE } from "../../lib/time.js";
import { h } from "../../lib/view.js";
import { Confirm } from "../../parts/confirm.js";
import { Dialog } from "../../parts/dialog.js";
import { Field } from "../../parts/field.js";
import { Form, Refusal } from "../../parts/form.js";
import { Pages } from "../../parts/pages.js";
import { Table } from "../../parts/table.js";
import { Choices } from "../settings/filters.js";
import { MaintenanceState, When } from "./marks.js";
import { localOf, momentOf, spanIn } from "./zones.js";

/** The states of the times that are shown together. */
export const SETS = { "": ["ACTIVE", "SCHEDULED", "CANCELLED"], past: ["ENDED", "CANCELLED"] };

/** The list of times, on the page of a maintenance. */
export function Instances({ page, maintenance, which, mine }) {
  const { nodes, pageInfo, totalCount } = maintenance.instances;
  if (!maintenance.recurrence && totalCount <= 1 && !which) return null;
  const past = (instance) => new Date(instance.endsAt) < Date.now();
  const rows = nodes.filter((instance) => instance.status !== "CANCELLED" || past(instance) === (which === "past"));
  return [
    h("h2", {}, "Times"),
    h(Choices, { name: "times", label: "Times", all: "To come", words: { past: "Past" } }),
    rows.length === 0 ? h("p", { class: "muted" }, which ? "None has been yet." : "None is to come.") : h(Table, { label: "Times", rows, columns: [
      { name: "when", label: "When", cell: (instance) => [h(When, { from: instance.startsAt, to: instance.endsAt }), instance.title && [" ", h("bdi", {}, instance.title)]] },
      { name: "state", label: "State", cell: ({ status, isChanged, endsAt }) => [h(MaintenanceState, { status, endsAt: status === "ACTIVE" ? endsAt : undefined }), isChanged && status !== "CANCELLED" && h("span", { class: "muted" }, ", changed")] },
      { name: "actions", label: "Actions", kind: "actions", cell: (instance) => mine && renderActions(page, maintenance, instance) },
    ] }),
    h(Pages, { info: pageInfo, words: ["Earlier", "Later"] }),
  ];
}

function renderActions(page, { id }, instance) {
  const { status, startsAt, endsAt } = instance;
  if (status !== "SCHEDULED" && status !== "ACTIVE") return null;
  const named = h("span", { class: "visually-hidden" }, ` ${spanIn(startsAt, endsAt)}`);
  return [
    h("button", { class: "button small", onclick: () => page.open(() => renderForm(page, id, instance)) }, "Change", named),
    status === "SCHEDULED" && h("button", { class: "button small", onclick: () => page.open(() => renderCancelling(page, id, instance)) }, "Cancel", named),
  ];
}

function renderCancelling(page, id, { originalStart, startsAt, endsAt }) {
  return h(Confirm, {
    title: "Cancel this one time?", action: "Cancel this time", onclose: page.close,
    onconfirm: () => page.send(documents.CancelMaintenanceInstance, { id, originalStart }, "That time is cancelled. The others take place."),
  }, h("p", {}, `${spanIn(startsAt, endsAt)} (${ZONE}) is cancelled. All other times take place.`));
}

function renderForm(page, id, instance) {
  const { originalStart, startsAt, endsAt, status, title, description } = instance;
  return h(Dialog, { title: "Change this one time", onclose: page.close }, h(Form, {
    action: "Save", oncancel: page.close,
    fields: (wrong) => [
      h("p", { class: "muted" }, `All other times stay. By your clocks, ${ZONE}.`),
      h("div", { class: "form-row" },
        h(Field, { name: "startsAt", label: "Begins", wrong: wrong("startsAt"), control: h("input", { type: "datetime-local", required: true, disabled: status === "ACTIVE", value: localOf(startsAt, ZONE) }) }),
        h(Field, { name: "endsAt", label: "Ends", wrong: wrong("endsAt"), control: h("input", { type: "datetime-local", required: true, autofocus: true, value: localOf(endsAt, ZONE) }) })),
      h(Field, { name: "title", label: "A title of its own", wrong: wrong("title"), control: h("input", { maxlength: 200, dir: "auto", autocomplete: "off", value: title ?? "" }) }),
      h(Field, { name: "description", label: "A description of its own", wrong: wrong("description"), control: h("textarea", { rows: 3, maxlength: 20_000, dir: "auto", value: description ?? "" }) }),
    ],
    onsubmit: async (values) => {
      await page.send(documents.ChangeMaintenanceInstance, {
        id, originalStart, ...moved(values, "startsAt", startsAt), ...moved(values, "endsAt", endsAt),
        title: values.get("title").trim() || null, description: values.get("description").trim() || null,
      }, "That time is changed.");
      page.close();
    },
  }));
}

/** A moment of the form where it is another one than before; seconds are not lost where it is not. */
function moved(values, name, before) {
  const local = values.get(name);
  if (local === null || local === localOf(before, ZONE)) return {};
  const moment = momentOf(local, ZONE);
  if (!moment) throw new Refusal("This is no time.", name);
  return { [name]: moment };
}
