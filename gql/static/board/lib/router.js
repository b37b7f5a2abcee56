// Addresses and views: links are ordinary links, and each address is a view that can be sent to somebody.

/** Where the server is mounted, with a slash at its end; this is part of a file at ROOT/board/VERSION/places/. */
export const ROOT = new URL("../../../", import.meta.url);

let changed = () => {};

/** Returns the address of a path of this server such as "incidents/INC-42", also behind a proxy with a path of its own. */
export const to = (path = "") => new URL(path, ROOT).pathname + new URL(path, ROOT).search;

/** Returns the present path without the mount's own, and its parameters. */
export function place() {
  const path = location.pathname.slice(ROOT.pathname.length).replace(/\/+$/, "");
  return { path, parameters: new URLSearchParams(location.search) };
}

/** Returns the parts of a path that a pattern such as "incidents/:reference" names, or nothing. */
export function match(pattern, path) {
  const names = pattern.split("/");
  const parts = path.split("/");
  if (names.length !== parts.length) return undefined;
  const found = {};
  for (const [nth, name] of names.entries()) {
    if (name.startsWith(":")) {
      try {
        found[name.slice(1)] = decodeURIComponent(parts[nth]);
      } catch {
        return undefined;
      }
    } else if (name !== parts[nth]) return undefined;
  }
  return found;
}

/** Goes to an address. With `replace`, going back skips the present one, as it should for filters that are typed. */
export function go(address, { replace = false } = {}) {
  history[replace ? "replaceState" : "pushState"](null, "", address);
  changed();
  if (!replace) scrollTo(0, 0);
}

/** Changes parameters of the present address; empty ones are left out. */
export function setParameters(values) {
  const { path, parameters } = place();
  for (const [name, value] of Object.entries(values)) {
    if (value) parameters.set(name, value);
    else parameters.delete(name);
  }
  const text = parameters.toString();
  go(to(path) + (text ? `?${text}` : ""), { replace: true });
}

/** Calls `onChange` after each change of the address, and follows links of the board's own without loading a page. */
export function start(onChange, isOwn) {
  changed = onChange;
  addEventListener("popstate", () => changed());
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href]");
    if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    if (link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
    const url = new URL(link.href);
    if (!url.pathname.startsWith(ROOT.pathname) || !isOwn(url.pathname.slice(ROOT.pathname.length))) return;
    if (url.pathname === location.pathname && url.search === location.search && url.hash) return;
    event.preventDefault();
    go(url.pathname + url.search + url.hash);
  });
}
