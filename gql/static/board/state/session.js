// Who is signed in. The token is in a cookie of the server's that no script reads; this module never sees it again.

import { connect } from "../client.js";
import { documents } from "../documents.js";
import { ROOT } from "../lib/router.js";

const SESSION = new URL("session", ROOT);
const RANK = { ANONYMOUS: 0, VIEWER: 1, RESPONDER: 2, ADMIN: 3 };

/**
 * The session as it is: `viewer` is nobody until `load` has asked. `link` is what became of the token in an address, where
 * there is something to say: `signedIn`, also `unasked` where nobody was signed in before, `refused` or, while the viewer is
 * to be asked, an `offered` token with its `viewer`.
 */
export const session = { viewer: undefined, login: undefined, loaded: false, client: open(), link: undefined };

const listeners = new Set();

/** Calls `listener` after each change of who is signed in; returns a function that ends that. */
export function onSession(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Returns whether the viewer has this role or a higher one. */
export const may = (role) => RANK[session.viewer?.role ?? "ANONYMOUS"] >= RANK[role];

/** Asks the server who is signed in, after taking a token that the address carries, then and whenever it carries one. */
export async function load() {
  addEventListener("hashchange", () => takeLink());
  if (!(await takeLink())) await refresh();
}

/**
 * Signs in by the token in the address, and returns whether there was one. Anybody can send such a link: whoever is signed
 * in as somebody else is asked first, so that they do not go on to work under an account that is not theirs.
 */
async function takeLink() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!token) return false;
  // Out of the address first: it would stay in the history and be sent along with links.
  history.replaceState(history.state, "", location.pathname + location.search);
  try {
    const found = await ask();
    // Whoever cannot be told from nobody is not signed in as somebody else without a question.
    if (!found) throw new Error("Who is signed in is not known.");
    const present = found.viewer;
    const offered = present && (await viewerOf(token));
    if (!present) session.link = (await post(token)) ? { signedIn: true, unasked: true } : { refused: true };
    else if (!offered) session.link = { refused: true };
    else if (offered.id !== present.id) session.link = { offered: token, viewer: offered };
  } catch {
    session.link = { refused: true };
  }
  if (session.link?.signedIn) await reopen();
  else await refresh();
  return true;
}

/** Answers the question that a link with somebody else's token raised. */
export async function answerLink(isWanted) {
  const isRefused = isWanted && !(await post(session.link.offered));
  session.link = isRefused ? { refused: true } : isWanted ? { signedIn: true } : undefined;
  if (session.link?.signedIn) await reopen();
  else tell();
}

/** Forgets what became of a link, once it was read. */
export function closeLink() {
  session.link = undefined;
  tell();
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
    const found = await ask();
    if (found) {
      session.viewer = found.viewer ?? undefined;
      session.login = found.login ? new URL(found.login, ROOT) : undefined;
    }
  } catch {
    // Unreachable: the connection says so, and the next load asks again.
  }
  session.loaded = true;
  tell();
}

async function ask() {
  const response = await fetch(SESSION, { headers: { Accept: "application/json" } });
  return response.ok ? response.json() : undefined;
}

/** Returns who a token is of; nothing where it is not valid. */
async function viewerOf(token) {
  const client = connect({ url: new URL("graphql", ROOT), token });
  try {
    const { viewer } = await client.query(documents.ViewerOfToken);
    return { ...viewer.actor, role: viewer.role };
  } catch (error) {
    if (error.code === "UNAUTHENTICATED") return undefined;
    throw error;
  } finally {
    client.close();
  }
}

function tell() {
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
