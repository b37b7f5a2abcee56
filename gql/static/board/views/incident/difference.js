// The difference of two texts, word by word; of very long ones, line by line.

const MOST_STEPS = 4_000_000;

/** Returns pieces `{ text, kind }` of kind "same", "added" or "removed", in the order of reading. */
export function difference(before, after) {
  const words = compare(split(before, /\S+\s*|\s+/g), split(after, /\S+\s*|\s+/g));
  return words ?? compare(split(before, /[^\n]+\n*|\n+/g), split(after, /[^\n]+\n*|\n+/g)) ?? [{ text: before, kind: "removed" }, { text: after, kind: "added" }];
}

/** A word goes with the space behind it, so that words that changed in a row are one piece. */
const split = (text, piece) => text.match(piece) ?? [];

function compare(a, b) {
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start += 1;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end += 1;
  const [left, right] = [a.slice(start, a.length - end), b.slice(start, b.length - end)];
  if ((left.length + 1) * (right.length + 1) > MOST_STEPS) return undefined;
  const pieces = [];
  add(pieces, a.slice(0, start), "same");
  walk(left, right, pieces);
  add(pieces, a.slice(a.length - end), "same");
  return pieces;
}

/** The longest common subsequence, walked from the start. */
function walk(a, b, pieces) {
  const width = b.length + 1;
  const lengths = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      lengths[i * width + j] = a[i] === b[j] ? lengths[(i + 1) * width + j + 1] + 1 : Math.max(lengths[(i + 1) * width + j], lengths[i * width + j + 1]);
    }
  }
  let [i, j] = [0, 0];
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) {
      add(pieces, [a[i]], "same");
      i += 1;
      j += 1;
    } else if (lengths[(i + 1) * width + j] >= lengths[i * width + j + 1]) add(pieces, [a[i++]], "removed");
    else add(pieces, [b[j++]], "added");
  }
  add(pieces, a.slice(i), "removed");
  add(pieces, b.slice(j), "added");
}

function add(pieces, words, kind) {
  if (!words.length) return;
  const text = words.join("");
  if (pieces.at(-1)?.kind === kind) pieces.at(-1).text += text;
  else pieces.push({ text, kind });
}
