// What changed between two texts, line by line.

/** More than so many lines are not compared, but shown as a whole. */
const MOST = 2_000;
const AROUND = 2;

/** Returns the lines of both texts in their order: { kind: "same" | "added" | "removed", text }. */
export function difference(before, after) {
  const [a, b] = [before.split("\n"), after.split("\n")];
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start += 1;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a.at(-1 - end) === b.at(-1 - end)) end += 1;
  const line = (kind) => (text) => ({ kind, text });
  const middle = between(a.slice(start, a.length - end), b.slice(start, b.length - end));
  return [...a.slice(0, start).map(line("same")), ...middle, ...(end ? a.slice(-end).map(line("same")) : [])];
}

/** The longest lines in common, by a table of how many there are behind each pair. */
function between(a, b) {
  if (a.length * b.length > MOST * MOST) return [...a.map((text) => ({ kind: "removed", text })), ...b.map((text) => ({ kind: "added", text }))];
  const table = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) table[i][j] = a[i] === b[j] ? table[i + 1][j + 1] + 1 : Math.max(table[i + 1][j], table[i][j + 1]);
  }
  const lines = [];
  for (let i = 0, j = 0; i < a.length || j < b.length; ) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push({ kind: "same", text: a[i] });
      i += 1;
      j += 1;
    } else if (j >= b.length || (i < a.length && table[i + 1][j] >= table[i][j + 1])) lines.push({ kind: "removed", text: a[i++] });
    else lines.push({ kind: "added", text: b[j++] });
  }
  return lines;
}

/** Leaves out what is the same and far from any change: { kind: "gap", count } in its place. */
export function folded(lines) {
  const near = new Uint8Array(lines.length);
  lines.forEach(({ kind }, nth) => kind !== "same" && near.fill(1, Math.max(0, nth - AROUND), nth + AROUND + 1));
  const shown = [];
  lines.forEach((line, nth) => {
    if (near[nth]) shown.push(line);
    else if (shown.at(-1)?.kind === "gap") shown.at(-1).count += 1;
    else shown.push({ kind: "gap", count: 1 });
  });
  return shown;
}
