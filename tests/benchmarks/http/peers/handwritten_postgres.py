"""The practical limit in Python on PostgreSQL: Starlette, asyncpg, SQL by hand; by id, pages and a create.

python -m tests.benchmarks.http.peers.handwritten_postgres PORT URL VISIBILITIES
"""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import asyncpg
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.benchmarks.http.peers.handwritten_writes import (
    ACTOR,
    NOBODY,
    TIMES,
    created,
    payload_of,
    touched_by,
    words_of,
)
from tests.benchmarks.http.peers.rows import RANKS, SEVERITIES, cursor_of, new_id, position_of
from tests.benchmarks.http.peers.serving import serve

_CONNECTIONS = 8
#: Nobody else appends to the log until the commit.
_LOG_LOCK = 0x1C1DE27
_BY_ID = """SELECT i.id, i.title, i.description, i.status, i.severity, i.created_at, i.updated_at,
    (SELECT json_agg(json_build_object('id', s.id, 'name', s.name) ORDER BY x.system_id)
     FROM incident_systems x JOIN systems s ON s.id = x.system_id WHERE x.incident_id = i.id),
    (SELECT array_agg((u.id, u.message, u.status_change, u.created_at) ORDER BY u.created_at DESC, u.id DESC)
     FROM (SELECT * FROM incident_updates WHERE incident_id = i.id AND visibility = ANY($2)
           ORDER BY created_at DESC, id DESC LIMIT 10) u)
    FROM incidents i WHERE i.id = $1"""
_PAGE = """SELECT i.id, i.title, i.status, i.severity, i.created_at, s.names, u.message, u.created_at
    FROM (SELECT * FROM incidents WHERE status = 'resolved' {} ORDER BY created_at DESC, id DESC LIMIT 51) i
    LEFT JOIN LATERAL (SELECT array_agg(s.name ORDER BY x.system_id) names FROM incident_systems x
        JOIN systems s ON s.id = x.system_id WHERE x.incident_id = i.id) s ON true
    LEFT JOIN LATERAL (SELECT message, created_at FROM incident_updates WHERE incident_id = i.id
        AND visibility = ANY($1) ORDER BY created_at DESC, id DESC LIMIT 1) u ON true
    ORDER BY i.created_at DESC, i.id DESC"""
_FIRST_PAGE, _NEXT_PAGE = _PAGE.format(""), _PAGE.format("AND (created_at, id) < ($2, $3)")
_NAMES = "SELECT id, name FROM systems WHERE id = ANY($1) ORDER BY id FOR KEY SHARE"
_CLAIMS = """INSERT INTO open_incident_claims (system_id, dedupe_key, incident_id)
    SELECT unnest($1::text[]), '', $2 ON CONFLICT DO NOTHING"""
_NUMBER = "UPDATE counters SET value = value + 1 WHERE name = 'incident' RETURNING value"
_INCIDENT = """INSERT INTO incidents (id, number, title, description, status, severity, suppress_notifications,
    dedupe_key, version, opened_by_type, opened_by_id, opened_by_name, occurred_at, created_at, updated_at)
    VALUES ($1, $2, $3, $4, 'investigating', $5, false, '', 1, $6, $7, $8, $9, $9, $9)"""
_PLACES = "INSERT INTO incident_systems (incident_id, system_id) SELECT $1, unnest($2::text[])"
_ENTRY = """INSERT INTO incident_updates (id, incident_id, message, status_change, visibility, created_at,
    created_by_type, created_by_id, created_by_name, is_opening)
    VALUES ($1, $2, $3, 'investigating', 'public', $4, $5, $6, $7, true)"""
_WORDS = """INSERT INTO search_entries (entry_id, incident_id, visibility, body)
    VALUES ($1, $1, 'public', $3), ($2, $1, 'public', $4)"""
_CHANGE = """INSERT INTO changes (id, kind, entity_id, version, action, reactive, has_events, visibility, next,
    changed_fields, delta, described_fields, after, touched, events, payload, actor, cause, occurred_at)
    VALUES ($1, 'incident', $2, 1, 'created', true, true, 'public', $3, $4, $5, '[]', $6, $7, '["incident.created"]',
    $8, $9, '{"change_id":null,"run_id":null,"depth":0}', $10)"""
_TRANSITIONS = """INSERT INTO entity_transitions (change_id, kind, entity_id, field, to_value, occurred_at)
    VALUES ($1, 'incident', $2, 'severity', $3, $6), ($1, 'incident', $2, 'status', $4, $6),
    ($1, 'incident', $2, 'system_ids', $5, $6)"""

Json = dict[str, Any]


class Operations:
    """The rows of the table."""

    def __init__(self, visibilities: str) -> None:
        self.pool: asyncpg.Pool[asyncpg.Record]
        self._seen = visibilities.split(",")

    async def typename(self, _: Json) -> Json:
        return {"__typename": "Query"}

    async def by_id(self, variables: Json) -> Json:
        async with self.pool.acquire() as connection:
            row = await connection.fetchrow(_BY_ID, variables["id"], self._seen)
        if row is None:
            return {"incident": None}
        identifier, title, description, status, severity, created_at, updated_at, systems, updates = row
        nodes = [
            {"id": one, "message": message, "statusChange": change and change.upper(), "createdAt": _spelled(at)}
            for one, message, change, at in updates or ()
        ]
        return {
            "incident": {
                "id": identifier,
                "title": title,
                "description": description,
                "status": status.upper(),
                "severity": SEVERITIES[severity],
                "createdAt": _spelled(created_at),
                "updatedAt": _spelled(updated_at),
                "systems": orjson.Fragment(systems or "[]"),
                "updates": {"nodes": nodes},
            }
        }

    async def page(self, variables: Json) -> Json:
        after = variables.get("after")
        async with self.pool.acquire() as connection:
            if after:
                rows = await connection.fetch(_NEXT_PAGE, self._seen, *_position_of(after))
            else:
                rows = await connection.fetch(_FIRST_PAGE, self._seen)
        edges = []
        for identifier, title, status, severity, created_at, names, message, updated_at in rows[:50]:
            at = _spelled(created_at)
            node = {
                "id": identifier,
                "title": title,
                "status": status.upper(),
                "severity": SEVERITIES[severity],
                "createdAt": at,
                "systems": [{"name": name} for name in names or ()],
                "updates": {"nodes": [{"message": message, "createdAt": _spelled(updated_at)}] if message else []},
            }
            edges.append({"cursor": cursor_of(at, identifier), "node": node})
        page = {"hasNextPage": len(rows) > 50, "endCursor": edges[-1]["cursor"] if edges else None}
        return {"incidents": {"edges": edges, "pageInfo": page}}

    async def create(self, variables: Json) -> Json:
        given = variables["input"]
        identifier, entry, places = new_id("inc"), new_id("upd"), given["systemIds"]
        at = datetime.now(UTC)
        at = at.replace(microsecond=at.microsecond // 1000 * 1000)
        async with self.pool.acquire() as connection, connection.transaction():
            systems = [{"id": row[0], "name": row[1]} for row in await connection.fetch(_NAMES, places)]
            await connection.execute(_CLAIMS, places, identifier)
            number = await connection.fetchval(_NUMBER)
            header = (given["title"], given["description"], RANKS[given["severity"]])
            await connection.execute(_INCIDENT, identifier, number, *header, *ACTOR.values(), at)
            await connection.execute(_PLACES, identifier, places)
            await connection.execute(_ENTRY, entry, identifier, given["initialMessage"], at, *ACTOR.values())
            words = words_of(f"inc {number} {given['title']} {given['description']}")
            await connection.execute(_WORDS, identifier, entry, words, words_of(given["initialMessage"]))
            await self._log(connection, identifier, entry, given=given, number=number, at=at)
        return created(identifier, given, systems, entry)

    async def _log(
        self, connection: Any, identifier: str, entry: str, *, given: Json, number: int, at: datetime
    ) -> None:
        change, moment, places = new_id("chg"), _spelled(at), given["systemIds"]
        state = {"status": "investigating", "severity": given["severity"].lower(), "system_ids": places}
        after = {
            "number": number,
            "title": given["title"],
            "description": given["description"],
            "suppress_notifications": False,
            "health_override": None,
            "opened_by": ACTOR,
            **dict.fromkeys(("occurred_at", "created_at", "updated_at"), moment),
            **{f"{name}_at": None for name in TIMES},
            **NOBODY,
            **state,
        }
        payload = payload_of(identifier, after, change=change, status=state["status"])
        pictures = (state, sorted(state), dict(sorted(state.items())), after, touched_by(entry), payload, ACTOR)
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOG_LOCK)
        await connection.execute(_CHANGE, change, identifier, *(orjson.dumps(one).decode() for one in pictures), at)
        values = (state["severity"], state["status"], orjson.dumps(places).decode())
        await connection.execute(_TRANSITIONS, change, identifier, *values, at)


def _spelled(moment: datetime) -> str:
    return f"{moment.isoformat(timespec='milliseconds')[:23]}Z"


def _position_of(cursor: str) -> tuple[datetime, str]:
    moment, identifier = position_of(cursor)
    return datetime.fromisoformat(moment).replace(tzinfo=UTC), identifier


def application(url: str, visibilities: str) -> Starlette:
    """The whole server."""
    rows = Operations(visibilities)
    operations = {"Typename": rows.typename, "ById": rows.by_id, "Page": rows.page, "Create": rows.create}

    async def answer(request: Request) -> Response:
        body = orjson.loads(await request.body())
        data = await operations[body["operationName"]](body["variables"])
        return Response(orjson.dumps({"data": data}), media_type="application/json")

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with asyncpg.create_pool(url, min_size=_CONNECTIONS, max_size=_CONNECTIONS) as rows.pool:
            yield

    return Starlette(routes=[Route("/graphql", answer, methods=["POST"])], lifespan=lifespan)


if __name__ == "__main__":
    port, url, visibilities = sys.argv[1:]
    serve(application(url, visibilities), int(port), lifespan="on")
