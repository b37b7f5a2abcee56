"""The practical limit in Python: Starlette, SQL by hand, orjson. Of a request it reads the operation and its variables.

    python -m tests.benchmarks.http.peers.handwritten PORT FILE VISIBILITIES [plain]

`plain` has writes touch three tables, as most teams would; else they write the very rows that we write.
"""

import json
import sys
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.benchmarks.http.peers.handwritten_writes import PlainWrites, Writes
from tests.benchmarks.http.peers.rows import RANKS, SEVERITIES, connect, cursor_of, moment, position_of, stored_moment
from tests.benchmarks.http.peers.serving import serve

_HEADER = "SELECT id, title, description, status, severity, created_at, updated_at FROM incidents WHERE id = ?"
_SYSTEMS_OF = """SELECT s.id, s.name FROM incident_systems x JOIN systems s ON s.id = x.system_id
    WHERE x.incident_id = ? ORDER BY x.system_id"""
_SYSTEMS_OF_MANY = """SELECT x.incident_id, s.id, s.name FROM json_each(?) j
    CROSS JOIN incident_systems x ON x.incident_id = j.value JOIN systems s ON s.id = x.system_id
    ORDER BY j.key, x.system_id"""
_PAGE = """SELECT id, title, status, severity, created_at FROM incidents WHERE {}
    ORDER BY created_at DESC, id DESC LIMIT ?"""
_BEHIND = "(created_at, id) < (?, ?)"
_RESOLVED = "status = 'resolved'"
_CATALOG = """SELECT s.id, s.key, s.name, h.status, h.observed_at
    FROM systems s LEFT JOIN system_health h ON h.system_id = s.id ORDER BY s.name, s.id LIMIT 50"""
_OPEN = """SELECT x.system_id, i.health_override FROM incidents i JOIN incident_systems x ON x.incident_id = i.id
    WHERE i.status <> 'resolved'"""
_LOG = """SELECT id, entity_id, events, changed_fields, occurred_at, payload FROM changes
    WHERE kind = 'incident' AND has_events = 1 AND visibility IN ({}) ORDER BY seq LIMIT 100"""
_FOUND = """SELECT id, title, status, created_at FROM incidents WHERE {} ORDER BY created_at DESC, id DESC LIMIT 20"""
_WORD = """id IN (SELECT incident_id FROM search_entries WHERE visibility IN ({})
    AND id IN (SELECT rowid FROM search_words WHERE search_words MATCH ?))"""
_WORST = ("healthy", "degraded", "unhealthy")
_CAMEL = {"system_ids": "systemIds"}

Json = dict[str, Any]


class Reads:
    """The read rows of the table, each as few statements as it takes."""

    def __init__(self, file: str, visibilities: str) -> None:
        self.database = connect(file)
        seen = ", ".join(f"'{name}'" for name in visibilities.split(","))
        updates = "SELECT id, message, status_change, created_at FROM incident_updates"
        self._updates_of = (
            f"{updates} WHERE incident_id = ? AND visibility IN ({seen}) ORDER BY created_at DESC, id DESC LIMIT 10"
        )
        one = f"""SELECT j.value, u.id, u.message, u.created_at FROM json_each(?) j CROSS JOIN incident_updates u
            ON u.id = (SELECT id FROM incident_updates WHERE incident_id = j.value AND visibility IN ({seen})
            ORDER BY created_at {{0}}, id {{0}} LIMIT 1)"""
        self._oldest, self._newest = one.format("ASC"), one.format("DESC")
        self._log = _LOG.format(seen)
        self._word = _WORD.format(seen)

    def typename(self, _: Json) -> Json:
        return {"__typename": "Query"}

    def by_id(self, variables: Json) -> Json:
        execute = self.database.execute
        row = execute(_HEADER, (variables["id"],)).fetchone()
        if row is None:
            return {"incident": None}
        identifier, title, description, status, severity, created_at, updated_at = row
        systems = [{"id": system, "name": name} for system, name in execute(_SYSTEMS_OF, (identifier,))]
        updates = [
            {"id": one, "message": message, "statusChange": change and change.upper(), "createdAt": moment(at)}
            for one, message, change, at in execute(self._updates_of, (identifier,))
        ]
        return {
            "incident": {
                "id": identifier,
                "title": title,
                "description": description,
                "status": status.upper(),
                "severity": SEVERITIES[severity],
                "createdAt": moment(created_at),
                "updatedAt": moment(updated_at),
                "systems": systems,
                "updates": {"nodes": updates},
            }
        }

    def page(self, variables: Json) -> Json:
        rows, more = self._page(50, _RESOLVED, variables.get("after"))
        ids = json.dumps([row[0] for row in rows])
        systems: dict[str, list[Json]] = {row[0]: [] for row in rows}
        for parent, _, name in self.database.execute(_SYSTEMS_OF_MANY, (ids,)):
            systems[parent].append({"name": name})
        updates: dict[str, list[Json]] = {row[0]: [] for row in rows}
        for parent, _, message, at in self.database.execute(self._newest, (ids,)):
            updates[parent].append({"message": message, "createdAt": moment(at)})
        edges = []
        for identifier, title, status, severity, created_at in rows:
            at = moment(created_at)
            node = {
                "id": identifier,
                "title": title,
                "status": status.upper(),
                "severity": SEVERITIES[severity],
                "createdAt": at,
                "systems": systems[identifier],
                "updates": {"nodes": updates[identifier]},
            }
            edges.append({"cursor": cursor_of(at, identifier), "node": node})
        return {"incidents": _connection(edges, more=more)}

    def board(self, _: Json) -> Json:
        rows, more = self._page(20, _RESOLVED, None)
        ids = json.dumps([row[0] for row in rows])
        systems: dict[str, list[Json]] = {row[0]: [] for row in rows}
        for parent, system, name in self.database.execute(_SYSTEMS_OF_MANY, (ids,)):
            systems[parent].append({"id": system, "name": name})
        oldest, newest = self._entries(self._oldest, ids, rows), self._entries(self._newest, ids, rows)
        edges = []
        for identifier, title, status, severity, created_at in rows:
            at = moment(created_at)
            node = {
                "key": identifier,
                "headline": title,
                "status": status.upper(),
                "severity": SEVERITIES[severity],
                "opened": at,
                "affected": systems[identifier],
                "latest": {"nodes": newest[identifier]},
                "opening": {"nodes": oldest[identifier]},
            }
            edges.append({"cursor": cursor_of(at, identifier), "node": node})
        return {"newest": _connection(edges, more=more)}

    def filtered(self, variables: Json) -> Json:
        condition = f"severity = {RANKS['CRITICAL']} AND created_at >= ?"
        rows, more = self._page(50, condition, None, stored_moment(variables["since"]))
        systems: dict[str, list[Json]] = {row[0]: [] for row in rows}
        for parent, _, name in self.database.execute(_SYSTEMS_OF_MANY, (json.dumps(list(systems)),)):
            systems[parent].append({"name": name})
        edges = []
        for identifier, title, status, severity, created_at in rows:
            at = moment(created_at)
            node = {
                "id": identifier,
                "title": title,
                "status": status.upper(),
                "severity": SEVERITIES[severity],
                "createdAt": at,
                "systems": systems[identifier],
            }
            edges.append({"cursor": cursor_of(at, identifier), "node": node})
        return {"incidents": _connection(edges, more=more)}

    def systems(self, _: Json) -> Json:
        found: dict[str, list[str]] = {}
        for system, override in self.database.execute(_OPEN):
            found.setdefault(system, []).append(override or "healthy")
        nodes = []
        for identifier, key, name, status, observed_at in self.database.execute(_CATALOG):
            reported = status and {"status": status.upper(), "observedAt": moment(observed_at)}
            overrides = found.get(identifier, [])
            effective = max([status or "healthy", *overrides], key=_WORST.index)
            health = {"status": effective.upper(), "reported": reported}
            opened = {"totalCount": len(overrides)}
            nodes.append({"id": identifier, "key": key, "name": name, "health": health, "openIncidents": opened})
        return {"systems": {"nodes": nodes}}

    def log(self, _: Json) -> Json:
        nodes = []
        for identifier, incident, events, fields, occurred_at, payload in self.database.execute(self._log):
            trigger = orjson.loads(events)[0]
            nodes.append(
                {
                    "changeId": identifier,
                    "type": trigger.rpartition(".")[2].upper(),
                    "trigger": trigger,
                    "incidentId": incident,
                    "occurredAt": moment(occurred_at),
                    "changedFields": [_CAMEL.get(field, field) for field in orjson.loads(fields)],
                    "payload": orjson.Fragment(payload),
                }
            )
        return {"incidentEvents": {"nodes": nodes}}

    def text(self, variables: Json) -> Json:
        words = [f'"{word}"' for word in variables["text"].split()]
        words[-1] += "*"
        condition = " AND ".join(self._word for _ in words)
        nodes = [
            {"id": identifier, "title": title, "status": status.upper(), "createdAt": moment(created_at)}
            for identifier, title, status, created_at in self.database.execute(_FOUND.format(condition), words)
        ]
        return {"incidents": {"nodes": nodes}}

    def _page(self, size: int, condition: str, after: str | None, *values: Any) -> tuple[list[Any], bool]:
        if after:
            condition, values = f"{condition} AND {_BEHIND}", (*values, *position_of(after))
        rows = self.database.execute(_PAGE.format(condition), (*values, size + 1)).fetchall()
        return rows[:size], len(rows) > size

    def _entries(self, statement: str, ids: str, rows: list[Any]) -> dict[str, list[Json]]:
        found: dict[str, list[Json]] = {row[0]: [] for row in rows}
        for parent, identifier, message, at in self.database.execute(statement, (ids,)):
            found[parent].append({"id": identifier, "text": message, "at": moment(at)})
        return found


def _connection(edges: list[Json], *, more: bool) -> Json:
    end = edges[-1]["cursor"] if edges else None
    return {"edges": edges, "pageInfo": {"hasNextPage": more, "endCursor": end}}


def application(file: str, visibilities: str, *, plain: bool = False) -> Starlette:
    """The whole server."""
    reads = Reads(file, visibilities)
    writes = (PlainWrites if plain else Writes)(reads.database)
    operations = {
        "Typename": reads.typename,
        "ById": reads.by_id,
        "Page": reads.page,
        "Board": reads.board,
        "Filtered": reads.filtered,
        "Systems": reads.systems,
        "Log": reads.log,
        "Text": reads.text,
        "Create": writes.create,
        "Update": writes.update,
    }

    async def answer(request: Request) -> Response:
        body = orjson.loads(await request.body())
        data = operations[body["operationName"]](body["variables"])
        return Response(orjson.dumps({"data": data}), media_type="application/json")

    return Starlette(routes=[Route("/graphql", answer, methods=["POST"])])


if __name__ == "__main__":
    port, file, visibilities, *ideas = sys.argv[1:]
    serve(application(file, visibilities, plain="plain" in ideas), int(port))
