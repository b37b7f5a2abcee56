"""Ariadne: schema first, dictionaries, data loaders, aiosqlite.

python -m tests.benchmarks.http.peers.ariadne_peer PORT FILE VISIBILITIES
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiosqlite
from aiodataloader import DataLoader
from ariadne import MutationType, ObjectType, QueryType, make_executable_schema
from ariadne.asgi import GraphQL
from starlette.applications import Starlette
from starlette.routing import Route

from tests.benchmarks.http.peers.rows import (
    PRAGMAS,
    RANKS,
    SEVERITIES,
    cursor_of,
    moment,
    new_id,
    now,
    position_of,
    stored_moment,
)
from tests.benchmarks.http.peers.serving import serve

PORT, FILE, VISIBILITIES = sys.argv[1:]
_SEEN = ", ".join(f"'{name}'" for name in VISIBILITIES.split(","))
_HEADER = "SELECT id, title, description, status, severity, created_at, updated_at FROM incidents WHERE"
_SYSTEMS = """SELECT x.incident_id, s.id, s.name FROM json_each(?) j
    CROSS JOIN incident_systems x ON x.incident_id = j.value JOIN systems s ON s.id = x.system_id
    ORDER BY j.key, x.system_id"""
_UPDATES = """SELECT j.value, u.id, u.message, u.status_change, u.created_at FROM json_each(?) j
    CROSS JOIN incident_updates u ON u.id IN (SELECT id FROM incident_updates
        WHERE incident_id = j.value AND visibility IN ({0}) ORDER BY created_at {1}, id {1} LIMIT ?)
    ORDER BY j.key, u.created_at DESC, u.id DESC"""
_NUMBER = "UPDATE counters SET value = value + 1 WHERE name = 'incident' RETURNING value"
_INSERT = """INSERT INTO incidents (id, number, title, description, status, severity, suppress_notifications,
    dedupe_key, version, opened_by_type, opened_by_id, occurred_at, created_at, updated_at)
    VALUES (?, ?, ?, ?, 'investigating', ?, 0, '', 1, 'application', 'peer', ?, ?, ?)"""
_ENTRY = """INSERT INTO incident_updates (id, incident_id, message, status_change, visibility, created_at,
    created_by_type, created_by_id) VALUES (?, ?, ?, ?, 'public', ?, 'application', 'peer')"""
_MOVE = "UPDATE incidents SET status = ?, updated_at = ?, resolved_at = NULL WHERE id = ?"

query, mutation, incident = QueryType(), MutationType(), ObjectType("Incident")
database: aiosqlite.Connection
writing = asyncio.Lock()


def _incident(row: Sequence[Any]) -> dict[str, Any]:
    identifier, title, description, status, severity, created_at, updated_at = row
    return {
        "id": identifier,
        "title": title,
        "description": description,
        "status": status.upper(),
        "severity": SEVERITIES[severity],
        "createdAt": moment(created_at),
        "updatedAt": moment(updated_at),
    }


async def load_systems(ids: list[str]) -> list[list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {identifier: [] for identifier in ids}
    for parent, identifier, name in await database.execute_fetchall(_SYSTEMS, (json.dumps(ids),)):
        found[parent].append({"id": identifier, "name": name})
    return [found[identifier] for identifier in ids]


async def load_updates(keys: list[tuple[str, int | None, int | None]]) -> list[dict[str, Any]]:
    found: dict[Any, list[dict[str, Any]]] = {key: [] for key in keys}
    for first, last in {key[1:] for key in keys}:
        ids = [key[0] for key in keys if key[1:] == (first, last)]
        statement = _UPDATES.format(_SEEN, "ASC" if last else "DESC")
        rows = await database.execute_fetchall(statement, (json.dumps(ids), last or first))
        for parent, identifier, message, change, at in rows:
            entry = {"id": identifier, "message": message, "createdAt": moment(at)}
            found[parent, first, last].append({**entry, "statusChange": change and change.upper()})
    return [{"nodes": found[key]} for key in keys]


@query.field("incident")
async def by_id(_: Any, info: Any, id: str) -> Any:
    rows = list(await database.execute_fetchall(f"{_HEADER} id = ?", (id,)))
    return _incident(rows[0]) if rows else None


@query.field("incidents")
async def page(_: Any, info: Any, first: int, after: str | None = None, filter: dict[str, Any] | None = None) -> Any:
    given = filter or {}
    conditions, values = ["1"], list[Any]()
    if "status" in given:
        conditions.append("status = ?")
        values.append(given["status"]["eq"].lower())
    if "severity" in given:
        conditions.append("severity = ?")
        values.append(RANKS[given["severity"]["eq"]])
    if "createdAt" in given:
        conditions.append("created_at >= ?")
        values.append(stored_moment(given["createdAt"]["gte"]))
    if after:
        conditions.append("(created_at, id) < (?, ?)")
        values.extend(position_of(after))
    statement = f"{_HEADER} {' AND '.join(conditions)} ORDER BY created_at DESC, id DESC LIMIT ?"
    rows = [_incident(row) for row in await database.execute_fetchall(statement, (*values, first + 1))]
    edges = [{"cursor": cursor_of(node["createdAt"], node["id"]), "node": node} for node in rows[:first]]
    end = edges[-1]["cursor"] if edges else None
    return {"edges": edges, "pageInfo": {"hasNextPage": len(rows) > first, "endCursor": end}}


@incident.field("systems")
def systems_of(parent: dict[str, Any], info: Any) -> Any:
    return info.context["systems"].load(parent["id"])


@incident.field("updates")
def updates_of(parent: dict[str, Any], info: Any, first: int | None = None, last: int | None = None) -> Any:
    return info.context["updates"].load((parent["id"], first, last))


@mutation.field("createIncident")
async def create(_: Any, info: Any, input: dict[str, Any]) -> Any:
    identifier, at = new_id("inc"), now()
    stored, rank = stored_moment(at), RANKS[input["severity"]]
    async with _transaction():
        number = next(iter(await database.execute_fetchall(_NUMBER)))[0]
        header = (identifier, number, input["title"], input["description"], rank, stored, stored, stored)
        await database.execute(_INSERT, header)
        places = [(identifier, system) for system in input["systemIds"]]
        await database.executemany("INSERT INTO incident_systems (incident_id, system_id) VALUES (?, ?)", places)
        await database.execute(_ENTRY, (new_id("upd"), identifier, input["initialMessage"], "investigating", stored))
    row = (identifier, input["title"], input["description"], "investigating", rank, stored, stored)
    return {"incident": _incident(row), "userErrors": []}


@mutation.field("addIncidentUpdate")
async def update(_: Any, info: Any, input: dict[str, Any]) -> Any:
    entry, at, status = new_id("upd"), now(), input["statusChange"]
    stored = stored_moment(at)
    async with _transaction():
        await database.execute(_MOVE, (status.lower(), stored, input["incidentId"]))
        await database.execute(_ENTRY, (entry, input["incidentId"], input["message"], status.lower(), stored))
    answer = {"id": entry, "message": input["message"], "statusChange": status, "createdAt": at}
    return {"update": answer, "userErrors": []}


@asynccontextmanager
async def _transaction() -> AsyncIterator[None]:
    async with writing:
        await database.execute("BEGIN IMMEDIATE")
        yield
        await database.execute("COMMIT")


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncIterator[None]:
    global database
    async with aiosqlite.connect(FILE, isolation_level=None) as database:
        for pragma in PRAGMAS:
            await database.execute(f"PRAGMA {pragma}")
        yield


if __name__ == "__main__":
    schema = make_executable_schema(Path(__file__).with_name("schema.graphql").read_text(), query, mutation, incident)
    served = GraphQL(
        schema,
        context_value=lambda request, data: {"systems": DataLoader(load_systems), "updates": DataLoader(load_updates)},
    )
    serve(Starlette(routes=[Route("/graphql", served)], lifespan=lifespan), int(PORT), lifespan="on")
