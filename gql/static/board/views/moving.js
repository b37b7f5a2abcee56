// Moving through a list by keys: the focus goes to the next link of its kind.

/** Moves the focus by so many among the elements that match; from elsewhere it goes to the first. */
export function moveFocus(root, selector, by) {
  const all = [...root.querySelectorAll(selector)];
  const now = all.indexOf(document.activeElement);
  const next = all[now < 0 ? 0 : Math.min(all.length - 1, Math.max(0, now + by))];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}
