// What a browser keeps over a reload: drafts and choices, never a token. Where it keeps nothing, things work without.

const PREFIX = "incidentql:";

/** Returns what was kept under a name, or the fallback. */
export function kept(name, fallback) {
  try {
    const text = localStorage.getItem(PREFIX + name);
    return text === null ? fallback : JSON.parse(text);
  } catch {
    return fallback;
  }
}

/** Keeps a value; nothing removes it. */
export function keep(name, value) {
  try {
    if (value === undefined || value === null || value === "") localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    // Private windows and full disks: the value lives as long as the page.
  }
}
