// Moments in fields: what a reader types is in their own zone.

import { ZONE } from "../../lib/time.js";

/** Returns a moment as the value of a field of the type `datetime-local`, to the second. */
export function toField(at) {
  const moment = new Date(at);
  return new Date(moment - moment.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

/** Returns the moment that such a field has, in ISO 8601; nothing for an empty or impossible one. */
export function fromField(value) {
  const moment = new Date(value);
  return value && !Number.isNaN(+moment) ? moment.toISOString() : undefined;
}

/** What is said below such a field. */
export const ZONE_WORDS = `In your time zone, ${ZONE}.`;
