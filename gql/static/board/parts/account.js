// Signing in and out, and the choice of a theme.

import { THEMES, setTheme, theme } from "../lib/theme.js";
import { Component, h } from "../lib/view.js";
import { answerLink, onSession, session, signIn, signOut } from "../state/session.js";
import { Confirm } from "./confirm.js";
import { Dialog } from "./dialog.js";
import { Field, choices } from "./field.js";
import { Icon } from "./icons.js";
import { say } from "./toasts.js";

let open = () => {};

/** Opens the dialog for signing in. */
export const openSignIn = () => open();

/** The button with who is signed in, and its dialog. */
export class Account extends Component {
  mounted() {
    open = () => this.show(true);
    this.end = onSession(() => this.hear());
  }

  removed() {
    this.end();
  }

  hear() {
    const { link } = session;
    if (link?.signedIn && !link.unasked) say(`Signed in as ${nameOf(session.viewer)}.`);
    if (link?.refused) say("The token in this link could not be used. Ask for a new link, or sign in.", { bad: true });
    if (!link?.offered && !link?.unasked) session.link = undefined;
    this.update();
  }

  show(isOpen) {
    this.isOpen = isOpen;
    this.wrong = undefined;
    this.update();
  }

  async submit(event) {
    event.preventDefault();
    const token = new FormData(event.target).get("token").trim();
    this.isBusy = true;
    this.update();
    try {
      if (await signIn(token)) {
        this.show(false);
        say(`Signed in as ${nameOf(session.viewer)}.`);
      } else this.wrong = "This is not a valid token.";
    } catch (error) {
      this.wrong = error.message;
    }
    this.isBusy = false;
    this.update();
  }

  render() {
    const known = session.viewer && session.viewer.role !== "ANONYMOUS";
    return h("div", {},
      h("button", { class: known ? "button quiet" : "button", "aria-haspopup": "dialog", onclick: () => this.show(true) },
        h(Icon, { name: "account" }), h("span", { class: "account-name one-line" }, known ? nameOf(session.viewer) : "Sign in")),
      this.isOpen && h(Dialog, { title: known ? "Your account" : "Sign in", onclose: () => this.show(false) },
        known ? this.renderKnown() : this.renderForm(),
        h(Field, { name: "theme", label: "Appearance", control: choices(THEMES, { value: theme(), onchange: (event) => setTheme(event.target.value) }) })),
      session.link?.offered && this.renderOffer(session.link.viewer));
  }

  renderOffer(viewer) {
    return h(Confirm, {
      title: "Sign in as somebody else?", action: ["Sign in as ", h("bdi", {}, nameOf(viewer))], isSafe: true,
      onclose: () => session.link?.offered && answerLink(false), onconfirm: () => answerLink(true),
    },
      h("p", {}, "You followed a link that signs you in as ", h("bdi", {}, nameOf(viewer)), `, ${viewer.role.toLowerCase()}. You are signed in as `, h("bdi", {}, nameOf(session.viewer)), "."),
      h("p", {}, "Go on only if you know where the link is from: what you do then is done in that name."));
  }

  renderForm() {
    const login = session.login && new URL(session.login);
    login?.searchParams.set("next", location.pathname + location.search);
    return h("form", { class: "form", onsubmit: (event) => this.submit(event) },
      login && h("a", { class: "button first", href: login.href }, "Continue with your organisation"),
      h(Field, {
        name: "token", label: "Token", wrong: this.wrong,
        help: "An API token, as an admin made it for you. The server prints the first one when it starts.",
        control: h("input", { type: "password", autocomplete: "current-password", required: true, autofocus: true, spellcheck: "false" }),
      }),
      h("div", { class: "actions" }, h("button", { class: login ? "button" : "button first", disabled: this.isBusy }, "Sign in")));
  }

  renderKnown() {
    return h("div", { class: "form" },
      h("p", {}, `${nameOf(session.viewer)}, ${session.viewer.role.toLowerCase()}`),
      h("div", { class: "actions" }, h("button", { class: "button", onclick: () => signOut().then(() => this.show(false)) }, "Sign out")));
  }
}

/** Returns the name of a viewer. */
export const nameOf = (viewer) => viewer.name ?? viewer.role.toLowerCase();
