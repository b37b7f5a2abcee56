// A secret that is shown once: in this dialog, and nowhere else. It is in no state of the page that outlives the dialog.

import { h } from "../../lib/view.js";
import { Copyable } from "../../parts/copy.js";
import { Dialog } from "../../parts/dialog.js";

/** The dialog with a new secret; `children` say what to do with it. */
export function Once({ title, label, secret, onclose, children }) {
  return h(Dialog, { title, onclose },
    h("p", { class: "notice" }, "Copy it now: it is shown only here, and gone when you close this."),
    h(Copyable, { label, text: secret }),
    children,
    h("div", { class: "actions" }, h("button", { class: "button first", onclick: onclose }, "I have it")));
}
