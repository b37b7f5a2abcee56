// From the items of a timeline to the rows that are shown: what belongs together is one row.

/**
 * Returns rows `{ key, at, kind, item | items }`, oldest first. Changes of one moment are one row, and so are consecutive
 * actions of one run. A change of status that an update says already is left out.
 */
export function rowsOf(items) {
  const said = new Set(items.flatMap(({ update }) => (update?.statusChange ? [`${update.createdAt} ${update.statusChange}`] : [])));
  const rows = [];
  for (const item of items) {
    const { kind, at, key } = item;
    const last = rows.at(-1);
    if (kind === "TRANSITION") {
      if (said.has(`${at} ${item.transition.toStatus}`)) continue;
      if (last?.kind === kind && last.items[0].transition.changeId === item.transition.changeId) last.items.push(item);
      else rows.push({ key, at, kind, items: [item] });
    } else if (kind === "STEP") {
      if (last?.kind === kind && last.items[0].run?.id === item.run?.id) last.items.push(item);
      else rows.push({ key, at, kind, items: [item] });
    } else rows.push({ key, at, kind, item });
  }
  return rows;
}

/** Returns rows in groups of one day of the reader's zone, in the order given. */
export function byDay(rows) {
  const days = [];
  for (const row of rows) {
    const name = new Date(row.at).toDateString();
    if (days.at(-1)?.name === name) days.at(-1).rows.push(row);
    else days.push({ name, at: row.at, rows: [row] });
  }
  return days;
}
