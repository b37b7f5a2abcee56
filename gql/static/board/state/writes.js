// Writes that are shown at once: a change is laid over what the server sent, until the server's own has caught up.

import { session } from "./session.js";

const pending = new Map();
const listeners = new Set();

/** Calls `listener` after each change of what is pending. */
export function onWrites(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/**
 * Returns an incident with the changes that are on their way, marked `isPending`; the same object where there are none.
 * What the server has sent since with a newer version replaces them.
 */
export function shown(incident) {
  const waiting = incident && pending.get(incident.id);
  if (!waiting) return incident;
  const left = waiting.filter(({ version }) => version === undefined || version > incident.version);
  if (left.length === 0) {
    pending.delete(incident.id);
    return incident;
  }
  if (left.length < waiting.length) pending.set(incident.id, left);
  // Remembered, so that rows which did not change are not rendered again.
  const last = left.at(-1);
  if (last.over !== incident || last.count !== left.length) {
    last.over = incident;
    last.count = left.length;
    last.result = Object.assign({}, incident, ...left.map(({ patch }) => patch), { isPending: true });
  }
  return last.result;
}

/**
 * Sends a mutation about an incident and shows `patch` until the answer's version is on the page. The document's payload
 * selects `incident { id version }`. Rejects with the client's error, after taking the patch back.
 */
export async function write(document, input, { id, patch } = {}) {
  const entry = { patch, version: undefined };
  if (patch) {
    pending.set(id, [...(pending.get(id) ?? []), entry]);
    tell();
  }
  try {
    const data = await session.client.mutate(document, { input });
    const [payload] = Object.values(data);
    entry.version = payload.incident?.version ?? 0;
    return payload;
  } catch (error) {
    if (patch) pending.set(id, (pending.get(id) ?? []).filter((other) => other !== entry));
    throw error;
  } finally {
    if (pending.get(id)?.length === 0) pending.delete(id);
    tell();
  }
}

/** Returns a new key under which a write can be sent again without happening twice. */
export const newKey = () => crypto.randomUUID?.() ?? Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

function tell() {
  for (const listener of [...listeners]) listener();
}
