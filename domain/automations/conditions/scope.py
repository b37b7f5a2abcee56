"""The scope of expressions: the trigger, variables, artifacts, health and the state of entities."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from pydantic.alias_generators import to_camel

from domain.automations.conditions.model import Condition
from domain.automations.conditions.wakes import wake_references
from domain.entities.health import HEALTH
from domain.entities.registry import EntityRegistry
from domain.model.automation import Firing
from domain.model.moment import iso
from domain.persistence.unit_of_work import ReadSession

logger = logging.getLogger(__name__)

#: The fields of `trigger`, and of the health of each system.
TRIGGER_FIELDS = ("id", "event", "eventId", "actor", "payload", "changeId", "contextKey", "occurredAt")
HEALTH_FIELDS = (
    "status",
    "in_status_since",
    "in_status_for_seconds",
    "transitions_in_window",
    "under_maintenance",
    "evaluated_at",
)
#: The most entities that an evaluation reads; those beyond stay undefined.
MOST_ENTITIES = 50


def trigger_scope(firing: Firing, trigger_id: str) -> dict[str, Any]:
    """Return the value of `trigger` in a scope."""
    return {
        "id": trigger_id,
        "event": firing.event,
        "eventId": firing.event,
        "actor": firing.actor.as_json(),
        "payload": dict(firing.payload),
        "changeId": firing.change_id,
        "contextKey": firing.context_key,
        "occurredAt": iso(firing.occurred_at),
    }


def context_system(firing: Firing) -> str | None:
    """Return the system that the firing is about: from its payload, or the first of several."""
    single, several = firing.payload.get("systemId"), firing.payload.get("systemIds")
    if isinstance(single, str):
        return single
    if isinstance(several, list) and several and isinstance(several[0], str):
        return several[0]
    return None


class StateReader:
    """A reader of systems' health and of entities by id."""

    def __init__(self, registry: EntityRegistry) -> None:
        self._registry = registry

    async def enriched(
        self,
        session: ReadSession,
        scope: Mapping[str, Any],
        *,
        conditions: Sequence[Condition],
        firing: Firing,
        uses_state: Sequence[str] = (),
        window: timedelta = timedelta(minutes=60),
        now: datetime,
    ) -> dict[str, Any]:
        """Return the scope with the present `health` and `state`, as far as the conditions read them."""
        context = context_system(firing)
        references = references_of(conditions, scope, context)
        scope = {**scope, "state": await self._state(session, references)}
        # Twice: the ids of systems or incidents may depend on the state of another one.
        further = references_of(conditions, scope, context) - references
        references |= further
        if any(not name.startswith(f"{HEALTH.name}:") for name in further):
            scope = {**scope, "state": await self._state(session, references)}
        if conditions and not uses_state and not _may_read_health(conditions, references):
            return {**scope, "health": {"systems": {}}}
        systems = [context] if context else []
        systems += [*uses_state, *(_of_kind(references, HEALTH.name))]
        health = await self._health(session, systems, context=context, since=now - window, now=now)
        return {**scope, "health": health}

    async def _health(
        self, session: ReadSession, names: Sequence[str], *, context: str | None, since: datetime, now: datetime
    ) -> dict[str, Any]:
        names = _bounded(list(dict.fromkeys(name for name in names if name != "*")))
        if not names:
            return {"systems": {}}
        identifiers = await session.systems.resolve(names)
        ids = sorted(set(identifiers.values()))
        found = await session.health.get_many(ids)
        beginnings = await session.transitions.latest(
            HEALTH.name,
            [(identifier, "status", found[identifier].status.value) for identifier in ids if identifier in found],
        )
        counts = await session.transitions.counts(HEALTH.name, ids, "status", since)
        maintained = await session.maintenance_instances.active_systems(ids)
        started = {key[0]: moment for key, moment in beginnings.items()}
        views = {
            identifier: _health_view(
                status=found[identifier].status.value if identifier in found else "healthy",
                since=started.get(identifier),
                transitions=counts.get(identifier, 0),
                under_maintenance=identifier in maintained,
                now=now,
            )
            for identifier in ids
        }
        # Also by the name that the expression uses for it, perhaps a key.
        systems = {**views, **{name: views[identifier] for name, identifier in identifiers.items()}}
        health: dict[str, Any] = {"systems": systems}
        if context in systems:
            health["system"] = systems[context]
        return health

    async def _state(self, session: ReadSession, references: Iterable[str]) -> dict[str, Any]:
        kinds: dict[str, list[str]] = {}
        named = [
            name for name in sorted(references) if not name.startswith(f"{HEALTH.name}:") and not name.endswith(":*")
        ]
        for name in _bounded(named):
            kind, _, identifier = name.partition(":")
            kinds.setdefault(kind, []).append(identifier)
        state: dict[str, Any] = {}
        for kind, ids in kinds.items():
            read = self._registry.resolver_for(kind)
            found = await read(session, ids) if read is not None else {}
            state[kind] = {
                identifier: {
                    to_camel(name): value
                    for name, value in {**snapshot.facts, **snapshot.state, "id": identifier}.items()
                }
                for identifier, snapshot in found.items()
            }
        return state


def references_of(conditions: Sequence[Condition], scope: Mapping[str, Any], context: str | None) -> set[str]:
    """Return the references of these conditions, such as `incident:inc_...` or `health:*`."""
    found: set[str] = set()
    for condition in conditions:
        found |= wake_references(condition, scope=scope, context_system=context).refs
    return found


def _may_read_health(conditions: Sequence[Condition], references: Iterable[str]) -> bool:
    return any(name.startswith(f"{HEALTH.name}:") for name in references) or any(
        wake_references(condition).indeterminate for condition in conditions
    )


def _bounded(names: Sequence[str]) -> Sequence[str]:
    if len(names) > MOST_ENTITIES:
        logger.warning("an expression reads %s entities, of which it sees %s", len(names), MOST_ENTITIES)
    return names[:MOST_ENTITIES]


def _of_kind(references: Iterable[str], kind: str) -> list[str]:
    return sorted(name.partition(":")[2] for name in references if name.startswith(f"{kind}:"))


def _health_view(
    *, status: str, since: datetime | None, transitions: int, under_maintenance: bool, now: datetime
) -> dict[str, Any]:
    return {
        "status": status,
        "in_status_since": None if since is None else iso(since),
        "in_status_for_seconds": None if since is None else max(0.0, (now - since).total_seconds()),
        "transitions_in_window": transitions,
        "under_maintenance": under_maintenance,
        "evaluated_at": iso(now),
    }
