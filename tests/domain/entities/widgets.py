"""A second kind of entity, for tests of what all kinds share: states in a dictionary, changes in the real log."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel

from domain.bootstrap import Domain
from domain.entities.handle import Applied, WriteResult
from domain.entities.kind import EntityKind, Snapshot
from domain.entities.origin import BY_SYSTEM, Origin
from domain.entities.registry import EntityRegistry
from domain.entities.triggers import Trigger
from domain.ids import new_id
from domain.model.change import Change
from domain.persistence.log_tables import entity_transitions
from domain.persistence.unit_of_work import ReadSession, UnitOfWork
from tests.inside import inside

Widget = Mapping[str, Any]
#: A field, its former text and its next one.
Step = tuple[str, str | None, str]


class WidgetState(BaseModel):
    colour: str | None = None
    size: int | None = None
    labels: dict[str, Any] | None = None
    parts: list[str] | None = None


class Widgets:
    """Widgets by id, and the handle that writes them."""

    def __init__(self, domain: Domain) -> None:
        self.stored: dict[str, Snapshot[Widget]] = {}
        self._domain = domain
        #: Of its own, so that tests on one database do not see each other's widgets.
        self.kind = new_id("kind")
        registry = EntityRegistry()
        self.handle = registry.define(EntityKind(name=self.kind, state=WidgetState, read=self._read))
        registry.bind(clock=domain.clock, derivers=inside(domain).derivers, masker=inside(domain).masker)

    async def put(self, identifier: str, *, origin: Origin = BY_SYSTEM, **state: Any) -> WriteResult[Widget]:
        """Write a widget."""

        async def apply(before: Snapshot[Widget] | None) -> Applied[Widget]:
            return Applied(after=Snapshot(entity=state, version=before.version if before else 1, state=state))

        async def work(unit: UnitOfWork) -> WriteResult[Widget]:
            return await self.handle.mutate(unit, identifier, apply, origin=origin)

        mutation = (await inside(self._domain).database.write(work)).value
        self.stored[identifier] = mutation.after
        return mutation

    async def remove(self, identifier: str) -> Change | None:
        """Delete a widget."""

        async def apply(before: Snapshot[Widget] | None) -> None:
            self.stored.pop(identifier, None)

        return (
            await inside(self._domain).database.write(lambda unit: self.handle.remove(unit, identifier, apply))
        ).value

    async def log(self) -> Sequence[Change]:
        """Return all changes of these widgets."""
        return [change for change in await self._domain.events.raw(0, limit=1000) if change.kind == self.kind]

    async def steps(self) -> Sequence[Step]:
        """Return all transitions of these widgets."""
        return await steps_of(self._domain, kind=self.kind)

    async def _read(self, session: ReadSession, ids: Sequence[str]) -> Mapping[str, Snapshot[Widget]]:
        return {identifier: self.stored[identifier] for identifier in ids if identifier in self.stored}


async def steps_of(domain: Domain, *, kind: str = "incident", entity_id: str | None = None) -> Sequence[Step]:
    """Return the stored transitions of a kind or of one entity, oldest first."""
    steps = entity_transitions.c
    statement = sa.select(steps.field, steps.from_value, steps.to_value).where(steps.kind == kind)
    if entity_id is not None:
        statement = statement.where(steps.entity_id == entity_id)

    async def read(session: ReadSession) -> Sequence[Step]:
        rows = await session.connection.execute(statement.order_by(steps.id))
        return [(row.field, row.from_value, row.to_value) for row in rows]

    return await inside(domain).database.read(read)


class PaintedPayload(BaseModel):
    """The payload of `widget.painted`."""

    widgetId: str  # noqa: N815 - the name on the wire
    colour: str


def _painted(change: Change) -> Sequence[str]:
    return ("widget.painted",) if change.next is not None and "colour" in change.changed_fields else ()


def _payload_of(change: Change) -> Mapping[str, Any]:
    return {"widgetId": change.entity_id, "colour": (change.next or {}).get("colour")}


async def _last_recorded(session: ReadSession, ids: Sequence[str]) -> Mapping[str, Snapshot[Widget]]:
    """Return the widgets after their last changes: the log is their only store."""
    found = {}
    for identifier in ids:
        for last in await session.changes.latest_of("widget", identifier, limit=1):
            if last.next is not None:
                found[identifier] = Snapshot(entity=last.next, version=last.version, state=last.next)
    return found


#: A kind as the table of kinds has them, for tests of what a new one gets by being in it.
WIDGET: EntityKind[Widget] = EntityKind(
    name="widget",
    state=WidgetState,
    read=_last_recorded,
    derive=_painted,
    to_payload=_payload_of,
    triggers=(
        Trigger(
            id="widget.painted",
            display_name="Widget Painted",
            description="A widget got another colour.",
            category="Widgets",
            icon="Paintbrush",
            payload=PaintedPayload,
            context_key="widgetId",
        ),
    ),
)


async def paint(domain: Domain, identifier: str, colour: str) -> Change:
    """Change the colour of a widget of the table of kinds, and return the change."""
    handle = inside(domain).registry.handle(WIDGET)

    async def apply(before: Snapshot[Widget] | None) -> Applied[Widget]:
        state = {**(before.state if before else {}), "colour": colour}
        return Applied(after=Snapshot(entity=state, version=before.version if before else 1, state=state))

    mutation = (await inside(domain).database.write(lambda unit: handle.mutate(unit, identifier, apply))).value
    assert mutation.change is not None
    return mutation.change
