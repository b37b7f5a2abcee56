// A tone for a new critical incident, made here. Browsers let a page sound only after somebody has clicked on it.

import { keep, kept } from "../../lib/local.js";

const CHOICE = "wall-sound";
const NOTES = [880, 660, 880];
const SECONDS = 0.18;
let context;

/** Returns whether somebody wants to hear it. */
export const isWanted = () => kept(CHOICE, false) === true;

/** Returns whether the browser lets it sound now. */
export const isReady = () => context?.state === "running";

/** Switches it on, with a tone to hear that it works, or off. Call it for a click or a key. */
export async function toggle() {
  keep(CHOICE, isWanted() && isReady() ? undefined : true);
  if (!isWanted()) return;
  context ??= new AudioContext();
  await context.resume();
  play();
}

/** Plays the tone, where it is wanted and can be. */
export function play() {
  if (!isWanted() || !isReady()) return;
  for (const [nth, pitch] of NOTES.entries()) {
    const begin = context.currentTime + nth * SECONDS * 1.2;
    const tone = new OscillatorNode(context, { type: "sine", frequency: pitch });
    const loudness = new GainNode(context, { gain: 0 });
    // Without these ramps it would click.
    loudness.gain.setValueAtTime(0, begin);
    loudness.gain.linearRampToValueAtTime(0.25, begin + 0.02);
    loudness.gain.linearRampToValueAtTime(0, begin + SECONDS);
    tone.connect(loudness).connect(context.destination);
    tone.start(begin);
    tone.stop(begin + SECONDS);
  }
}
