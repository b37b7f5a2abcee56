// What is done with an incident from a list of them: shown at once, and taken back with the reason where it is refused.

import { documents } from "../documents.js";
import { session } from "./session.js";
import { write } from "./writes.js";

/** Acknowledges an incident. */
export function acknowledge({ id }) {
  const { name, type } = session.viewer;
  const patch = { acknowledgedAt: new Date().toISOString(), acknowledgedBy: { name, type } };
  return write(documents.Acknowledge, { id }, { id, patch });
}

/** Resolves an incident, with a last message unless that is empty. */
export function resolve({ id }, { message, visibility }) {
  const patch = { status: "RESOLVED", resolvedAt: new Date().toISOString() };
  return write(documents.Resolve, { id, ...(message && { message, visibility }) }, { id, patch });
}
