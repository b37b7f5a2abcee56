// Shortcuts: each view registers its own, and `?` shows them all. Whoever writes in a field is left alone.

const registered = new Set();

/** Registers shortcuts, `{ keys: ["j"], does: "Next incident", run }` each, and returns a function that removes them. */
export function register(shortcuts) {
  for (const shortcut of shortcuts) registered.add(shortcut);
  return () => shortcuts.forEach((shortcut) => registered.delete(shortcut));
}

/** Returns all shortcuts that work now. */
export const known = () => [...registered];

/** Listens to the keyboard. */
export function startListening() {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.target.closest?.("input, textarea, select, [contenteditable]")) return;
    // A dialog has the keyboard for itself.
    if (document.querySelector("dialog[open]")) return;
    // The last one registered belongs to what is innermost.
    const found = [...registered].reverse().find(({ keys }) => keys.includes(event.key));
    if (!found) return;
    if (event.key === "Enter" && event.target.closest?.("a, button, summary")) return;
    if (found.run(event) !== false) event.preventDefault();
  });
}
