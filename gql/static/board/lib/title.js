// The title of the window: that of the view, and the name of this server.

/** The name of this server, as its page says it. */
export const BRAND = document.title;

/** Sets the window's title to that of a view; without one, to the server's name. */
export function entitle(title) {
  document.title = title ? `${title} · ${BRAND}` : BRAND;
}
