// Where the nodes of a graph without circles stand: each one a level behind the last of its causes.

const SWEEPS = 4;

/**
 * Returns `{ levels, edges }`: the nodes of each level in their order, and the edges without those that another way says as
 * well. `nodes` are objects with an `id`, in the order of time; `edges` have `source` and `target`. Nodes without an edge are left out.
 */
export function laidOut(nodes, edges) {
  const known = new Set(nodes.map(({ id }) => id));
  const kept = reduced(edges.filter(({ source, target }) => known.has(source) && known.has(target)));
  const linked = new Set(kept.flatMap(({ source, target }) => [source, target]));
  const level = levelsOf(nodes.filter(({ id }) => linked.has(id)), kept);
  const levels = [];
  for (const node of nodes) if (level.has(node.id)) (levels[level.get(node.id)] ??= []).push(node);
  arrange(levels, kept);
  return { levels, edges: kept };
}

/** Leaves out an edge from a cause to an effect where a run between them is shown. */
function reduced(edges) {
  const next = group(edges, "source", "target");
  return edges.filter(({ source, target }) => !next.get(source).some((between) => between !== target && next.get(between)?.includes(target)));
}

function levelsOf(nodes, edges) {
  const causes = group(edges, "target", "source");
  const level = new Map();
  // Causes come before their effects in most cases; the rest settles in further rounds.
  for (let round = 0, isSettled = false; !isSettled && round <= nodes.length; round += 1) {
    isSettled = true;
    for (const { id } of nodes) {
      const found = Math.max(-1, ...(causes.get(id) ?? []).map((cause) => level.get(cause) ?? -1)) + 1;
      if (level.get(id) !== found) isSettled = false;
      level.set(id, found);
    }
  }
  return level;
}

/** Orders each level by the middle of its neighbours, so that lines cross less. */
function arrange(levels, edges) {
  const before = group(edges, "target", "source");
  const after = group(edges, "source", "target");
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const neighbours = sweep % 2 ? after : before;
    const place = new Map(levels.flatMap((level) => level.map(({ id }, nth) => [id, nth])));
    for (const level of sweep % 2 ? [...levels].reverse() : levels) {
      const weight = new Map(level.map(({ id }, nth) => {
        const near = (neighbours.get(id) ?? []).flatMap((other) => place.get(other) ?? []);
        return [id, near.length ? near.reduce((sum, each) => sum + each, 0) / near.length : nth];
      }));
      level.sort((a, b) => weight.get(a.id) - weight.get(b.id));
      level.forEach(({ id }, nth) => place.set(id, nth));
    }
  }
}

function group(edges, by, what) {
  const found = new Map();
  for (const edge of edges) found.set(edge[by], [...(found.get(edge[by]) ?? []), edge[what]]);
  return found;
}
