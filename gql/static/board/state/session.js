// Who is signed in. The token is in a cookie of the server's that no script reads; this module never sees it again.

import { connect } from "../client.js";
import { ROOT } from "../lib/router.js";

const SESSION = new URL("session", ROOT);
const RANK = { ANONYMOUS: 0, VIEWER: 1, RESPONDER: 2, ADMIN: 3 };

/** The session as it is: `viewer` is nobody until `load` has asked. */
export const session = { viewer: undefined, login: undefined, loaded: false, client: open() };

const listeners = new Set();

/** Calls `listener` after each change of who is signed in; returns a function that ends that. */
export function onSession(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Returns whether the viewer has this role or a higher one. */
export const may = (role) => RANK[session.viewer?.role ?? "ANONYMOUS"] >= RANK[role];

/** Asks the server who is signed in, after taking a token that the address carries. */
export async function load() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token) {
    // Out of the address first: it would stay in the history and be sent along with links.
    history.replaceState(history.state, "", location.pathname + location.search);
    if (await post(token)) session.client = open();
  }
  await refresh();
}

/** Signs in with a token. Returns whether it was one. */
export async function signIn(token) {
  if (!(await post(token))) return false;
  await reopen();
  return true;
}

/** Signs out. */
export async function signOut() {
  await fetch(SESSION, { method: "DELETE" });
  await reopen();
}

async function post(token) {
  const response = await fetch(SESSION, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ token }),
  });
  if (response.ok) return true;
  if (response.status === 401 || response.status === 400) return false;
  throw new Error((await response.json().catch(() => undefined))?.errors?.[0]?.message ?? "The server did not answer as it should.");
}

async function refresh() {
  try {
    const response = await fetch(SESSION, { headers: { Accept: "application/json" } });
    if (response.ok) {
      const { viewer, login } = await response.json();
      session.viewer = viewer ?? undefined;
      session.login = login ? new URL(login, ROOT) : undefined;
    }
  } catch {
    // Unreachable: the connection says so, and the next load asks again.
  }
  session.loaded = true;
  for (const listener of [...listeners]) listener();
}

/** Begins again as somebody else: what was shown may not be theirs to see. */
async function reopen() {
  session.client.close();
  session.client = open();
  await refresh();
}

function open() {
  return connect({ url: new URL("graphql", ROOT) });
}
