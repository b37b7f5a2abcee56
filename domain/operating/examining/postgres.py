"""The examination of PostgreSQL: the connection, rights, versions, clocks and limits."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from domain.errors import StartupError
from domain.operating.examining.configuration import postgres_of
from domain.operating.examining.results import Result, ok, problem, warning
from domain.operating.examining.schemas import examined_revision
from domain.persistence.postgres_looks import look
from domain.settings import Settings

_PART = "database"
#: The oldest version that PostgreSQL's own project still mends.
_OLDEST = 14
_APART_SECONDS = 1.0
_FAR_APART_SECONDS = 30.0


async def examine_postgres(settings: Settings) -> Sequence[Result]:
    """Examine the database, if it is PostgreSQL."""
    address = postgres_of(settings)
    if address is None:
        return []
    try:
        seen = await look(address)
    except StartupError as error:
        return [problem(_PART, error.message, "Check DATABASE_URL, the network, and whether the server runs.")]
    now = datetime.now(UTC)
    return [
        ok(_PART, f"PostgreSQL {seen['version']} answers in {seen['seconds'] * 1000:.0f} ms."),
        *_of_server(seen),
        *_rights(settings, seen),
        _clock(seen, now),
        _limits(settings, seen),
        examined_revision(seen["revision"], seen["compatible_since"]),
    ]


def _of_server(seen: Mapping[str, Any]) -> Iterator[Result]:
    if seen["major"] < _OLDEST:
        yield warning("version", f"PostgreSQL {seen['major']} is no longer maintained.", "Update the server.")
    if seen["is_standby"]:
        advice = "Name the primary, or all hosts with target_session_attrs=read-write."
        yield problem("role", "it is a standby, which accepts no writes.", advice)
    if seen["is_pooled"]:
        advice = "Set DIRECT_DATABASE_URL to the address without the pooler."
        yield warning("pooler", "a pooler is in between, where locks and LISTEN are not safe.", advice)
    if seen["time_zone"] != "UTC":
        yield warning(
            "time zone", f"{seen['time_zone']}, in spite of what the connection asks for.", "Use no pooler's own."
        )
    if seen["encoding"] != "UTF8":
        yield problem(
            "encoding", f"{seen['encoding']}: texts in other scripts cannot be stored.", "Create it with UTF8."
        )


def _rights(settings: Settings, seen: Mapping[str, Any]) -> Iterator[Result]:
    if not seen["may_create_tables"]:
        yield problem(
            "rights", "no tables may be created in its schema.", "GRANT CREATE ON SCHEMA public TO this user."
        )
    if settings.automations and not seen["may_keep_workflows"]:
        advice = "GRANT CREATE ON DATABASE to this user, or create the schema dbos for it."
        yield problem("rights", "the schema of the automations' engine cannot be created.", advice)
    for name, works in (("advisory locks do", seen["has_locks"]), ("LISTEN does", seen["can_listen"])):
        if not works:
            yield problem("rights", f"{name} not work.", "Use a connection without a pooler: DIRECT_DATABASE_URL.")
    if seen["may_create_tables"] and seen["has_locks"] and seen["can_listen"]:
        yield ok("rights", "tables, advisory locks and LISTEN.")


def _clock(seen: Mapping[str, Any], now: datetime) -> Result:
    apart = abs((seen["now"] - now).total_seconds())
    advice = "Have both machines follow the same time servers (NTP)."
    if apart > _FAR_APART_SECONDS:
        return problem("clock", f"{apart:.0f} s apart from the database's.", advice)
    if apart > _APART_SECONDS + seen["seconds"]:
        return warning("clock", f"{apart:.1f} s apart from the database's.", advice)
    return ok("clock", "that of the database.")


def _limits(settings: Settings, seen: Mapping[str, Any]) -> Result:
    free = seen["max_connections"] - seen["used_connections"]
    wanted = settings.postgres_connections
    found = f"{seen['used_connections']} of {seen['max_connections']} are in use, and one process may open {wanted}."
    if free < wanted:
        return warning("connections", found, "Raise max_connections, set POSTGRES_CONNECTIONS lower, or use a pooler.")
    return ok("connections", found)
