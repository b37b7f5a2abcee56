// The catalog of systems, for those who choose from it.

import { documents } from "../documents.js";
import { session } from "./session.js";

const MOST = 50;

/** Returns the first systems with these words, for a picker, and how many there are in all. */
export async function findSystems(text) {
  const { systems } = await session.client.query(documents.FindSystems, { filter: text ? { text } : undefined, first: MOST });
  return { items: systems.nodes.map(choiceOf), totalCount: systems.totalCount };
}

/** Returns a system as a picker shows it. */
export const choiceOf = ({ id, key, name }) => ({ id, name, note: key });
