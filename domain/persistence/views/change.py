"""Changes of incidents as the log keeps them, and the events that they fired."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from operator import attrgetter
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa
from pydantic.alias_generators import to_camel

from domain.ids import with_prefix
from domain.model.change import Change, Touched, touched_for, visible_delta, visible_fields
from domain.model.identities import payloads_for
from domain.model.moment import iso
from domain.model.selection import Field, Shape
from domain.model.viewer import Audience
from domain.persistence.log_tables import changes
from domain.persistence.views.actor import ACTOR
from domain.persistence.views.automation import INSIDERS
from domain.persistence.views.view import Found, Joined, Lists, View, for_all, text_in

Json = Mapping[str, Any]


@lru_cache(maxsize=256)
def _camel(name: str) -> str:
    # Names of fields, of which there are a few, on each of a hundred changes.
    return to_camel(name)


def _event_of(events: Sequence[str]) -> str:
    return events[0].rpartition(".")[2]


@lru_cache(maxsize=256)
def _type_of(trigger: str) -> str:
    return _event_of([trigger]).upper()


def _event_id(change_id: str, events: Sequence[str]) -> str:
    return f"{with_prefix(change_id, 'evt')}:{_event_of(events)}"


def _previous(previous: Json | None, changed: Sequence[str]) -> Json:
    return {} if previous is None else {_camel(name): previous.get(name) for name in changed}


def _fields_for(audience: Audience) -> Callable[..., list[str]]:
    def made(changed: Sequence[str], described: Sequence[str], touched: Sequence[Json]) -> list[str]:
        seen = touched_for(map(Touched.from_json, touched), audience)
        return [_camel(name) for name in visible_fields((*changed, *described), seen)]

    return made


def _delta_for(audience: Audience) -> Callable[..., Json]:
    def made(changed: Sequence[str], described: Sequence[str], after: Json | None, touched: Sequence[Json]) -> Json:
        seen = touched_for(map(Touched.from_json, touched), audience)
        delta = visible_delta((*changed, *described), after, seen, audience)
        return {_camel(name): value for name, value in delta.items()}

    return made


def _now(parent: sa.FromClause, child: sa.FromClause) -> Joined:
    return child, child.c.id == parent.c.entity_id, (child.c.id,)


_CAUSE = Shape(
    fields={
        "change_id": Field(("change_id",), make=for_all(lambda known: known or None)),
        "run_id": Field(("run_id",), make=for_all(lambda known: known or None)),
        "depth": Field(("depth",), make=for_all(lambda known: known or 0)),
    }
)
_COMMON: Mapping[str, Field] = MappingProxyType({"incident_id": Field(("entity_id",))})
_PARTS = MappingProxyType({"actor": ACTOR, "cause": _CAUSE})
_LISTS = MappingProxyType({"incident": Lists(view="incident", joined=_now, key=("id",), carried=("entity_id",))})
_FOUND = MappingProxyType(
    {
        **{f"actor_{name}": text_in("actor", name) for name in ("type", "id", "name")},
        **{f"cause_{name}": text_in("cause", name) for name in ("change_id", "run_id")},
        "cause_depth": Found(("cause",), lambda rows: rows.c.cause["depth"].as_integer()),
    }
)
#: What a list of the log is in the order of, and cursors hold.
_PLACE = "seq"

CHANGE = View(
    name="incident_change",
    table=changes,
    fields={
        **_COMMON,
        "changed_fields": Field(("changed_fields", "described_fields", "touched"), make=_fields_for),
        "delta": Field(("changed_fields", "described_fields", "after", "touched"), make=_delta_for),
    },
    parts=_PARTS,
    lists=_LISTS,
    found=_FOUND,
    place=_PLACE,
)
RUN_CHANGE = View(
    name="automation_run_change",
    table=changes,
    audiences=INSIDERS,
    fields={
        **_COMMON,
        "id": Field(("id",), make=for_all(lambda change_id: with_prefix(change_id, "rch"))),
        "change_id": Field(("id",)),
        "changed_fields": Field(("changed_fields", "described_fields", "touched"), make=_fields_for),
    },
)
EVENT = View(
    name="incident_event",
    table=changes,
    fields={
        **_COMMON,
        "id": Field(("id", "events"), make=for_all(_event_id)),
        "change_id": Field(("id",)),
        "type": Field(("events",), make=for_all(lambda events: _type_of(events[0]))),
        "trigger": Field(("events",), make=for_all(lambda events: events[0])),
        "changed_fields": Field(("changed_fields",), make=for_all(lambda names: [_camel(name) for name in names])),
        "previous": Field(("prev", "changed_fields"), make=for_all(_previous)),
        "payload": Field(("payload",), make=payloads_for),
    },
    parts=_PARTS,
    lists=_LISTS,
    found=_FOUND,
    place=_PLACE,
)


#: The views of changes.
LOG_VIEWS = frozenset({CHANGE.name, EVENT.name})
#: What the statements read of a change's row, from the change in memory.
RECORDED: Mapping[str, Callable[[Change], Any]] = MappingProxyType(
    {
        **{
            name: attrgetter(name)
            for name in (
                *("id", "entity_id", "version", "action", "seq", "prev", "after", "payload"),
                *("changed_fields", "described_fields", "events"),
            )
        },
        "occurred_at": lambda change: iso(change.occurred_at),
        "touched": lambda change: [part.as_json() for part in change.touched],
        **{f"actor_{name}": attrgetter(f"actor.{name}") for name in ("type", "id", "name")},
        **{f"cause_{name}": attrgetter(f"cause.{name}") for name in ("change_id", "run_id", "depth")},
    }
)
