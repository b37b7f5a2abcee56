// People who are known here, and the way to have one forgotten for good.

import { documents } from "../../documents.js";
import { setParameters } from "../../lib/router.js";
import { h } from "../../lib/view.js";
import { Confirm } from "../../parts/confirm.js";
import { Field } from "../../parts/field.js";
import { Pages, pageVariables } from "../../parts/pages.js";
import { Empty } from "../../parts/states.js";
import { Table } from "../../parts/table.js";
import { Ago } from "../../parts/time.js";
import { Limited, Settings, mayManage } from "./frame.js";
import { POLLED } from "../../state/asked.js";
import { Section } from "./section.js";

const KINDS = { USER: "Person", APPLICATION: "Program", SERVICE: "Service", SYSTEM: "Server" };
const TYPING_MILLIS = 250;

/** The list of people. */
export class People extends Section {
  static title = "People";

  again() {
    return this.people.again();
  }

  left() {
    super.left();
    clearTimeout(this.typing);
  }

  render({ parameters }) {
    const asked = new URLSearchParams(parameters);
    const wanted = asked.get("text") ?? "";
    this.people = this.ask("people", documents.People, { text: wanted || undefined, ...pageVariables(parameters) }, POLLED);
    const { data, loaded } = this.people;
    return h(Settings, { section: "people", asked: this.people, title: "People", lead: "Whoever can be made lead or responder: people who signed in, and programs with a token." },
      loaded && [
        h(Limited, { data }),
        asked.get("erased") && this.renderErasure(asked.get("erased")),
        h(Field, { name: "text", label: "Find by name", control: h("input", { type: "search", value: wanted, autocomplete: "off", oninput: (event) => this.find(event.target.value) }) }),
        this.renderList(data, wanted),
      ], this.dialog?.());
  }

  find(text) {
    clearTimeout(this.typing);
    this.typing = setTimeout(() => setParameters({ text: text.trim(), after: "", before: "" }), TYPING_MILLIS);
  }

  renderList({ people: { nodes, pageInfo }, viewer }, wanted) {
    const mine = mayManage({ viewer });
    if (!nodes.length) return h(Empty, { title: wanted ? "Nobody has this in their name" : "Nobody is known yet" });
    return [
      h(Table, { label: "People", rows: nodes, columns: [
        { name: "name", label: "Name", cell: ({ id, name }) => [h("bdi", {}, name ?? id), id === viewer.actor.id && h("span", { class: "muted" }, " (you)")] },
        { name: "type", label: "Kind", cell: ({ type }) => KINDS[type] },
        { name: "actions", label: "Actions", kind: "actions", cell: (person) => mine
          && h("button", { class: "button small", onclick: () => this.open(() => this.renderForgetting(person, person.id === viewer.actor.id)) }, "Forget", h("span", { class: "visually-hidden" }, ` ${person.name}`)) },
      ] }),
      h(Pages, { info: pageInfo, words: ["Before", "Next"] }),
    ];
  }

  renderForgetting({ id, name, type }, isOwn) {
    return h(Confirm, {
      title: `Forget this ${KINDS[type].toLowerCase()}?`, action: "Forget for good", typed: name ?? id, onclose: this.close,
      onconfirm: async () => {
        const { erasure } = await this.send(documents.ForgetPerson, { id });
        // The pseudonym names nobody: it may stand in the address, so that the progress is still there after a reload.
        setParameters({ erased: erasure.person.id, text: "" });
      },
    },
      h("p", {}, "A pseudonym takes the place of their name and id in all that is stored: incidents, updates, the log and its history."),
      h("p", {}, "Their tokens are revoked. Whoever signs in later is a new person. It cannot be undone."),
      isOwn && h("p", {}, h("strong", {}, "This is who you are signed in as.")));
  }

  renderErasure(person) {
    const asked = this.ask("erasure", documents.ErasureProgress, { person }, { seconds: 3 });
    const erasure = asked.data?.erasure;
    if (!erasure) return null;
    const isDone = erasure.status === "DONE";
    return h("div", { class: "notice calm", role: "status" },
      h("span", {}, isDone ? "Nothing that is stored names them any more. " : "They are being forgotten. ",
        `${erasure.rows.toLocaleString("en")} rows rewritten, begun `, h(Ago, { at: erasure.forgottenAt }), isDone && [", over ", h(Ago, { at: erasure.finishedAt })], ". They are now ", h("bdi", {}, erasure.person.name), "."),
      h("button", { class: "button small quiet", onclick: () => setParameters({ erased: "" }) }, "Close"));
  }
}
