"""The writes by hand: into three tables as most teams would, or the very rows that we write."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
from typing_extensions import override

from tests.benchmarks.http.peers.rows import RANKS, SEVERITIES, moment, new_id, now, stored_moment

ACTOR = {"type": "application", "id": "tok_01m8j0vggvey797r0w1t5gnb6r", "name": "admin"}
_ACTOR_JSON = orjson.dumps(ACTOR).decode()
_CAUSE_JSON = '{"change_id":null,"run_id":null,"depth":0}'
TIMES = ("identified", "fixing", "monitoring", "resolved")
#: What no incident of the bench has.
NOBODY: dict[str, Any] = {
    "labels": {},
    "acknowledged_at": None,
    "acknowledged_by": None,
    "snoozed_until": None,
    "lead": None,
    "assignees": [],
}

_NUMBER = "UPDATE counters SET value = value + 1 WHERE name = 'incident' RETURNING value"
_NAMES = "SELECT id, name FROM systems WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id"
_CLAIM = (
    "INSERT INTO open_incident_claims (system_id, dedupe_key, incident_id) VALUES (?, '', ?) ON CONFLICT DO NOTHING"
)
_INCIDENT = """INSERT INTO incidents (id, number, title, description, status, severity, suppress_notifications,
    dedupe_key, version, opened_by_type, opened_by_id, opened_by_name, occurred_at, created_at, updated_at)
    VALUES (?, ?, ?, ?, 'investigating', ?, 0, '', 1, ?, ?, ?, ?, ?, ?)"""
_PLACE = "INSERT INTO incident_systems (incident_id, system_id) VALUES (?, ?)"
_ENTRY = """INSERT INTO incident_updates (id, incident_id, message, status_change, visibility, created_at,
    created_by_type, created_by_id, created_by_name, is_opening) VALUES (?, ?, ?, ?, 'public', ?, ?, ?, ?, ?)"""
_WORDS = "INSERT INTO search_entries (entry_id, incident_id, visibility, body) VALUES (?, ?, 'public', ?)"
_CHANGE = """INSERT INTO changes (id, kind, entity_id, version, action, reactive, has_events, visibility, prev, next,
    changed_fields, delta, described_fields, "before", "after", touched, events, payload, actor, cause, occurred_at)
    VALUES (?, 'incident', ?, ?, ?, 1, 1, 'public', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_TRANSITION = """INSERT INTO entity_transitions (change_id, kind, entity_id, field, from_value, to_value, occurred_at)
    VALUES (?, 'incident', ?, ?, ?, ?, ?)"""
_HEADER = """SELECT number, title, description, status, severity, suppress_notifications, health_override, version,
    opened_by_type, opened_by_id, opened_by_name, occurred_at, created_at, updated_at, identified_at, fixing_at,
    monitoring_at, resolved_at FROM incidents WHERE id = ?"""
_PLACES = "SELECT system_id FROM incident_systems WHERE incident_id = ? ORDER BY system_id"
_MOVE = """UPDATE incidents SET status = ?, version = version + 1, updated_at = ?, identified_at = ?, fixing_at = ?,
    monitoring_at = ?, resolved_at = NULL WHERE id = ? AND version = ?"""
_PLAIN_MOVE = "UPDATE incidents SET status = ?, updated_at = ?, resolved_at = NULL WHERE id = ?"

Json = dict[str, Any]


class PlainWrites:
    """The header, its systems and the entry, and nothing that remembers."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self.database = database

    def create(self, variables: Json) -> Json:
        given = variables["input"]
        identifier, entry, at = new_id("inc"), new_id("upd"), now()
        with _transaction(self.database) as execute:
            systems = _names(execute, given["systemIds"])
            number = execute(_NUMBER).fetchone()[0]
            self._insert(identifier, number, given, entry=entry, at=at)
        return created(identifier, given, systems, entry)

    def update(self, variables: Json) -> Json:
        given = variables["input"]
        identifier, entry, at = given["incidentId"], new_id("upd"), now()
        status, stored = given["statusChange"].lower(), stored_moment(at)
        with _transaction(self.database) as execute:
            execute(_PLAIN_MOVE, (status, stored, identifier))
            execute(_ENTRY, (entry, identifier, given["message"], status, stored, *ACTOR.values(), 0))
        return _updated(given, entry, at)

    def _insert(self, identifier: str, number: int, given: Json, *, entry: str, at: str) -> None:
        execute, stored = self.database.execute, stored_moment(at)
        header = (identifier, number, given["title"], given["description"], RANKS[given["severity"]])
        execute(_INCIDENT, (*header, *ACTOR.values(), stored, stored, stored))
        self.database.executemany(_PLACE, [(identifier, system) for system in given["systemIds"]])
        message = given["initialMessage"]
        execute(_ENTRY, (entry, identifier, message, "investigating", stored, *ACTOR.values(), 1))


class Writes(PlainWrites):
    """The very rows that we write: claims, words, history and the log as well."""

    @override
    def create(self, variables: Json) -> Json:
        given = variables["input"]
        identifier, entry, change, at = new_id("inc"), new_id("upd"), new_id("chg"), now()
        stored, places = stored_moment(at), given["systemIds"]
        state = {"status": "investigating", "severity": given["severity"].lower(), "system_ids": places}
        with _transaction(self.database) as execute:
            systems = _names(execute, places)
            self.database.executemany(_CLAIM, [(system, identifier) for system in places])
            number = execute(_NUMBER).fetchone()[0]
            self._insert(identifier, number, given, entry=entry, at=at)
            words = words_of(f"inc {number} {given['title']} {given['description']}")
            self.database.executemany(
                _WORDS, [(identifier, identifier, words), (entry, identifier, words_of(given["initialMessage"]))]
            )
            after = {
                "number": number,
                "title": given["title"],
                "description": given["description"],
                "suppress_notifications": False,
                "health_override": None,
                "opened_by": ACTOR,
                "occurred_at": at,
                "created_at": at,
                "updated_at": at,
                **{f"{name}_at": None for name in TIMES},
                **NOBODY,
                **state,
            }
            payload = payload_of(identifier, after, change=change, status=state["status"])
            self._log(
                (change, identifier, 1, "created", None, state, sorted(state), dict(sorted(state.items())), []),
                (None, after, touched_by(entry), ["incident.created"], payload),
                stored,
            )
            self.database.executemany(
                _TRANSITION,
                [
                    (change, identifier, "severity", None, state["severity"], stored),
                    (change, identifier, "status", None, state["status"], stored),
                    (change, identifier, "system_ids", None, _json(places), stored),
                ],
            )
        return created(identifier, given, systems, entry)

    @override
    def update(self, variables: Json) -> Json:
        given = variables["input"]
        identifier, entry, change, at = given["incidentId"], new_id("upd"), new_id("chg"), now()
        status, stored = given["statusChange"].lower(), stored_moment(at)
        with _transaction(self.database) as execute:
            before, version = _picture(execute(_HEADER, (identifier,)).fetchone())
            before["system_ids"] = places = [row[0] for row in execute(_PLACES, (identifier,))]
            dated = () if status == "investigating" else (f"{status}_at",)
            after = {**before, "updated_at": at, "status": status, "resolved_at": None, **dict.fromkeys(dated, at)}
            if before["status"] == "resolved":
                self.database.executemany(_CLAIM, [(system, identifier) for system in places])
            times = [
                after[name] and stored_moment(after[name]) for name in ("identified_at", "fixing_at", "monitoring_at")
            ]
            execute(_MOVE, (status, stored, *times, identifier, version))
            execute(_ENTRY, (entry, identifier, given["message"], status, stored, *ACTOR.values(), 0))
            execute(_WORDS, (entry, identifier, words_of(given["message"])))
            self._record(identifier, change, entry, before=before, after=after, version=version + 1, stored=stored)
        return _updated(given, entry, at)

    def _record(
        self, identifier: str, change: str, entry: str, *, before: Json, after: Json, version: int, stored: str
    ) -> None:
        moved = {"status": after["status"]}
        before = {name: value for name, value in before.items() if name != "description"}
        described = sorted(f"{name}_at" for name in TIMES if before[f"{name}_at"] != after[f"{name}_at"])
        payload = payload_of(identifier, after, change=change, status=after["status"])
        payload["previous"] = {"status": before["status"]}
        events = ["incident.updated"]
        self._log(
            (change, identifier, version, "updated", _state(before), _state(after), ["status"], moved, described),
            (before, after, touched_by(entry), events, payload),
            stored,
        )
        step = (change, identifier, "status", before["status"], after["status"], stored)
        self.database.execute(_TRANSITION, step)

    def _log(self, what: tuple[Any, ...], pictures: tuple[Any, ...], stored: str) -> None:
        values = (*what[:4], *map(_json, what[4:]), *map(_json, pictures), _ACTOR_JSON, _CAUSE_JSON, stored)
        self.database.execute(_CHANGE, values)


@contextmanager
def _transaction(database: sqlite3.Connection) -> Iterator[Any]:
    database.execute("BEGIN IMMEDIATE")
    try:
        yield database.execute
    except BaseException:
        database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")


def _names(execute: Any, systems: list[str]) -> list[Json]:
    return [{"id": system, "name": name} for system, name in execute(_NAMES, (_json(systems),))]


def words_of(text: str) -> str:
    return " ".join(dict.fromkeys("".join(sign if sign.isalnum() else " " for sign in text.lower()).split()))


def _json(value: Any) -> str | None:
    return None if value is None else orjson.dumps(value).decode()


def _state(picture: Json) -> Json:
    return {name: picture[name] for name in ("status", "severity", "system_ids")}


def touched_by(entry: str) -> list[Json]:
    return [{"part": "updates", "id": entry, "kind": "added", "visibility": "public"}]


def _picture(row: tuple[Any, ...]) -> tuple[Json, int]:
    number, title, description, status, severity, suppressed, override, version, *actor = row[:11]
    times = [at and moment(at) for at in row[11:]]
    names = ("occurred", "created", "updated", *TIMES)
    picture = {
        "number": number,
        "title": title,
        "description": description,
        "suppress_notifications": bool(suppressed),
        "health_override": override,
        "opened_by": dict(zip(("type", "id", "name"), actor, strict=True)),
        **{f"{name}_at": at for name, at in zip(names, times, strict=True)},
        **NOBODY,
        "status": status,
        "severity": str(SEVERITIES[severity]).lower(),
    }
    return picture, version


def payload_of(identifier: str, after: Json, *, change: str, status: str) -> Json:
    return {
        "incidentId": identifier,
        "systemIds": after["system_ids"],
        "severity": after["severity"],
        "status": after["status"],
        "title": after["title"],
        "description": after["description"],
        "reference": f"INC-{after['number']}",
        "createdAt": after["created_at"],
        "resolvedAt": after["resolved_at"],
        "labels": after["labels"],
        "changeId": change,
        "statusChange": status,
    }


def created(identifier: str, given: Json, systems: list[Json], entry: str) -> Json:
    incident = {
        "id": identifier,
        "title": given["title"],
        "status": "INVESTIGATING",
        "severity": given["severity"],
        "systems": systems,
        "updates": {"nodes": [{"id": entry, "message": given["initialMessage"]}]},
    }
    return {"createIncident": {"incident": incident, "userErrors": []}}


def _updated(given: Json, entry: str, at: str) -> Json:
    update = {"id": entry, "message": given["message"], "statusChange": given["statusChange"], "createdAt": at}
    return {"addIncidentUpdate": {"update": update, "userErrors": []}}
