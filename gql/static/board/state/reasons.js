// Why a write did not succeed, in words for those who asked for it.

/** Returns what a write came to that was refused or failed. Without an answer nobody knows whether it was written. */
export function reasonOf({ code, message }) {
  if (code === "UNREACHABLE") return "The server cannot be reached, so it is not known whether this was saved. Look again once the page is live, and repeat it if it is missing.";
  if (code === "UNAVAILABLE" || code === "TIMEOUT") return `${message} It is not known whether this was saved.`;
  return message;
}
