// What a page shows in place of its content: nothing yet, nothing at all, not allowed, failed.

import { h } from "../lib/view.js";
import { session } from "../state/session.js";
import { openSignIn } from "./account.js";

/** The absence of content: what this place is for, and the one thing to do next. */
export function Empty({ title, children }) {
  return h("div", { class: "empty" }, h("h2", {}, title), children);
}

/** Lines that hold the place of rows that are being loaded. Nothing is shown for the first 300 ms. */
export function Bones({ rows = 5 }) {
  return h("div", { class: "bones", role: "group", "aria-busy": "true", "aria-label": "Loading" },
    Array.from({ length: rows }, (_, nth) => h("span", { key: nth, class: "bone" })));
}

/** Why a page has no content: the reason of a subscription or the error of a query. */
export function Failure({ reason }) {
  if (reason.code === "UNAUTHENTICATED" || reason.code === "FORBIDDEN") {
    const known = session.viewer && session.viewer.role !== "ANONYMOUS";
    return h("div", { class: "empty" },
      h("h2", {}, known ? "You may not see this" : "Sign in to see this"),
      h("p", {}, known ? reason.message : "Only people who are signed in, and may, see what is here."),
      h("button", { class: "button first", onclick: openSignIn }, known ? "Your account" : "Sign in"));
  }
  return h("div", { class: "notice critical", role: "alert" }, h("span", {}, reason.message));
}
