// What people wrote, however long it is.

const LONG = 800;

/** Returns the properties of an element with such a text: a long one is scrolled within, by keys as well. */
export function scrolled(name, label, text) {
  return text.length < LONG ? { class: name } : { class: `${name} long`, tabindex: 0, role: "group", "aria-label": label };
}
