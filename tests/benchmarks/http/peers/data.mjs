// What both Node peers read and write: prepared statements on Node's own SQLite, one per relation of a page.
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'

const [file, visibilities] = process.argv.slice(3)
const db = new DatabaseSync(file)
for (const pragma of ['journal_mode=WAL', 'synchronous=FULL', 'cache_size=-65536', 'temp_store=MEMORY', 'busy_timeout=5000'])
  db.exec(`PRAGMA ${pragma}`)

export const typeDefs = readFileSync(new URL('schema.graphql', import.meta.url), 'utf8')
const at = (column) => `substr(${column}, 1, 10) || 'T' || substr(${column}, 12, 12) || 'Z'`
const header = `id, title, description, upper(status) status, ${at('created_at')} createdAt, ${at('updated_at')} updatedAt,
  CASE severity WHEN 1 THEN 'MINOR' WHEN 2 THEN 'MAJOR' ELSE 'CRITICAL' END severity`
const seen = visibilities.split(',').map((name) => `'${name}'`).join(', ')
const one = db.prepare(`SELECT ${header} FROM incidents WHERE id = ?`)
const ofSystems = db.prepare(`SELECT x.incident_id parent, s.id, s.name FROM json_each(?) j
  CROSS JOIN incident_systems x ON x.incident_id = j.value JOIN systems s ON s.id = x.system_id
  ORDER BY j.key, x.system_id`)
const ofUpdates = ['DESC', 'ASC'].map((way) =>
  db.prepare(`SELECT j.value parent, u.id, u.message, upper(u.status_change) statusChange, ${at('u.created_at')} createdAt
    FROM json_each(?) j CROSS JOIN incident_updates u ON u.id IN (SELECT id FROM incident_updates
      WHERE incident_id = j.value AND visibility IN (${seen}) ORDER BY created_at ${way}, id ${way} LIMIT ?)
    ORDER BY j.key, u.created_at DESC, u.id DESC`),
)

function grouped(ids, rows) {
  const groups = new Map(ids.map((id) => [id, []]))
  for (const row of rows) groups.get(row.parent).push(row)
  return ids.map((id) => groups.get(id))
}

export const incident = (id) => one.get(id) ?? null
export const systemsOf = (ids) => grouped(ids, ofSystems.all(JSON.stringify(ids)))

// Of many parents, each with its own page: one statement for each kind of page.
export function updatesOf(keys) {
  const answers = new Map()
  for (const { first, last } of new Map(keys.map((key) => [`${key.first} ${key.last}`, key])).values()) {
    const mine = keys.filter((key) => key.first === first && key.last === last)
    const ids = mine.map((key) => key.id)
    const rows = ofUpdates[last ? 1 : 0].all(JSON.stringify(ids), last ?? first ?? 50)
    grouped(ids, rows).forEach((nodes, index) => answers.set(mine[index], { nodes }))
  }
  return keys.map((key) => answers.get(key))
}

const pages = new Map()
export function page({ first, after, filter }) {
  const conditions = []
  const values = []
  const given = [
    ['status = lower(?)', filter?.status?.eq],
    ["severity = CASE ? WHEN 'MINOR' THEN 1 WHEN 'MAJOR' THEN 2 ELSE 3 END", filter?.severity?.eq],
    ['created_at >= ?', filter?.createdAt?.gte && stored(filter.createdAt.gte)],
  ]
  for (const [condition, value] of given) if (value) conditions.push(condition) && values.push(value)
  if (after) {
    const [moment, id] = Buffer.from(after, 'base64url').toString().split('|')
    conditions.push('(created_at, id) < (?, ?)')
    values.push(stored(moment), id)
  }
  const where = conditions.join(' AND ')
  if (!pages.has(where))
    pages.set(where, db.prepare(`SELECT ${header} FROM incidents WHERE ${where} ORDER BY created_at DESC, id DESC LIMIT ?`))
  const rows = pages.get(where).all(...values, first + 1)
  const edges = rows.slice(0, first).map((node) => ({ node, cursor: cursorOf(node) }))
  return { edges, pageInfo: { hasNextPage: rows.length > first, endCursor: edges.at(-1)?.cursor ?? null } }
}

const stored = (moment) => `${moment.slice(0, 10)} ${moment.slice(11, 23)}000`
const cursorOf = ({ createdAt, id }) => Buffer.from(`${createdAt}|${id}`).toString('base64url')
const fresh = (prefix) => `${prefix}_${randomUUID().replaceAll('-', '').slice(0, 26)}`
const number = db.prepare("UPDATE counters SET value = value + 1 WHERE name = 'incident' RETURNING value")
const insert = db.prepare(`INSERT INTO incidents (id, number, title, description, status, severity,
  suppress_notifications, dedupe_key, version, opened_by_type, opened_by_id, occurred_at, created_at, updated_at)
  VALUES (?, ?, ?, ?, 'investigating', CASE ? WHEN 'MINOR' THEN 1 WHEN 'MAJOR' THEN 2 ELSE 3 END, 0, '', 1,
  'application', 'peer', ?, ?, ?)`)
const place = db.prepare('INSERT INTO incident_systems (incident_id, system_id) VALUES (?, ?)')
const entry = db.prepare(`INSERT INTO incident_updates (id, incident_id, message, status_change, visibility, created_at,
  created_by_type, created_by_id) VALUES (?, ?, ?, lower(?), 'public', ?, 'application', 'peer')`)
const move = db.prepare('UPDATE incidents SET status = lower(?), updated_at = ?, resolved_at = NULL WHERE id = ?')

function transaction(work) {
  db.exec('BEGIN IMMEDIATE')
  try {
    const result = work()
    db.exec('COMMIT')
    return result
  } catch (error) {
    db.exec('ROLLBACK')
    throw error
  }
}

export const create = ({ title, description, severity, systemIds, initialMessage }) =>
  transaction(() => {
    const id = fresh('inc')
    const moment = new Date().toISOString()
    const now = stored(moment)
    insert.run(id, number.get().value, title, description, severity, now, now, now)
    for (const system of systemIds) place.run(id, system)
    entry.run(fresh('upd'), id, initialMessage, 'INVESTIGATING', now)
    return { id, title, description, status: 'INVESTIGATING', severity, createdAt: moment, updatedAt: moment }
  })

export const update = ({ incidentId, message, statusChange }) =>
  transaction(() => {
    const id = fresh('upd')
    const createdAt = new Date().toISOString()
    move.run(statusChange, stored(createdAt), incidentId)
    entry.run(id, incidentId, message, statusChange, stored(createdAt))
    return { id, message, statusChange, createdAt }
  })

export const roots = {
  Query: { incident: (_, { id }) => incident(id), incidents: (_, given) => page(given) },
  Mutation: {
    createIncident: (_, { input }) => ({ incident: create(input), userErrors: [] }),
    addIncidentUpdate: (_, { input }) => ({ update: update(input), userErrors: [] }),
  },
}
