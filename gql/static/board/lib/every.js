// What is done again and again, as long as somebody looks.

/**
 * Calls `act` after so many seconds, again and again, while the page is shown; and at once when it is shown again after
 * more than that. Returns a function that ends it.
 */
export function whileSeen(seconds, act) {
  let last = Date.now();
  let timer;
  const plan = () => {
    clearTimeout(timer);
    if (document.hidden) return;
    // A clock that was set back makes nothing late.
    const left = Math.min(seconds * 1_000, last + seconds * 1_000 - Date.now());
    timer = setTimeout(run, Math.max(0, left));
  };
  const run = () => {
    last = Date.now();
    plan();
    act();
  };
  document.addEventListener("visibilitychange", plan);
  plan();
  return () => {
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", plan);
  };
}
