"""Systems: what incidents affect."""

import asyncio
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Self

import strawberry

from domain.model import system as model
from domain.model.filters import ONLY_OPEN, Filter
from domain.model.paging import Order
from domain.model.positions import incident_position
from domain.model.system import worst_health
from gql.compiled.declarations import LIST, SHOWN, checked_by, cursor_name, pages
from gql.context import Info
from gql.inputs.of_systems import Matching, Ordered, matched, order_of_system, tree_of_system
from gql.pagination import After, Before, Connection, First, Last, PageArguments, connection, cursor_maker
from gql.types import health_history as past
from gql.types import incident as incidents
from gql.types import maintenance as windows
from gql.types.copying import copied
from gql.types.enums import Health, TimeBucket
from gql.types.health import ActiveHealthOverride, ReportedHealth, SystemHealth
from gql.types.node import Node

Affecting = Annotated["Incident", strawberry.lazy("gql.types.incident")]  # type: ignore[name-defined]  # noqa: F821 - both need each other
Planned = Annotated["MaintenanceInstance", strawberry.lazy("gql.types.maintenance")]  # type: ignore[name-defined]  # noqa: F821 - both need each other

_OF_SYSTEM = "system.incidents"


@strawberry.type(description="A system that incidents affect.")
class System(Node):
    key: str = strawberry.field(description="The key that its owner chose for monitors to use; it never changes.")
    name: str = strawberry.field(description="Its display name.")
    description: str | None = strawberry.field(description="Its description.")
    created_at: datetime = strawberry.field(description="When it was added to the catalog.")
    updated_at: datetime = strawberry.field(description="When its name or description last changed.")
    version: int = strawberry.field(description="A number for `expectedVersion` that every change of it raises by one.")

    @classmethod
    def of(cls, system: model.System) -> Self:
        return copied(cls, system)

    @strawberry.field(
        description="Its health; a system without a report or an open incident is healthy.", metadata=SHOWN
    )
    async def health(self, info: Info) -> SystemHealth:
        loaders = info.context.loaders
        reported, overrides = await asyncio.gather(loaders.health.load(self.id), loaders.overrides.load(self.id))
        overrides = overrides or []
        return SystemHealth(
            status=worst_health(reported.status if reported else Health.HEALTHY, overrides),
            reported=ReportedHealth.of(reported),
            overrides=[ActiveHealthOverride.of(override) for override in overrides],
        )

    @strawberry.field(
        description="Whether maintenance of it takes place now. Its health stays what is reported.", metadata=SHOWN
    )
    async def under_maintenance(self, info: Info) -> bool:
        return bool(await info.context.loaders.maintenance.active_on.load(self.id))

    @strawberry.field(
        description="Its maintenance that takes place now, and the next times, at most 20, in their order.",
        metadata=LIST,
    )
    async def maintenance(self, info: Info) -> list[Planned]:
        found = await info.context.loaders.maintenance.of_systems.load(self.id)
        return [windows.MaintenanceInstance.of(instance) for instance in found or ()]

    @strawberry.field(
        description=(
            "Its health in the past, oldest first and without a gap: from when it was added, "
            "and up to now. A report counts from when it was observed; an incident while it was open by its timeline, "
            "with the override that it had then. Deleted incidents do not count. A span of more than 1,000 periods is "
            "refused as BAD_USER_INPUT, never cut short."
        ),
        metadata=checked_by(past.check_span),
    )
    async def health_history(
        self, info: Info, since: past.Since, until: past.Until = strawberry.UNSET
    ) -> list[past.HealthPeriod]:
        return await past.history_of(info, self.id, since, until)

    @strawberry.field(
        description="Its uptime by the same history: a point for each bucket of the span, oldest first, at most 1,000.",
        metadata=checked_by(past.check_span),
    )
    async def uptime(
        self,
        info: Info,
        since: past.Since,
        bucket: Annotated[TimeBucket, strawberry.argument(description="The length of time of each point.")],
        until: past.Until = strawberry.UNSET,
    ) -> list[past.UptimePoint]:
        return await past.uptime_of(info, self.id, since, until, bucket)

    @strawberry.field(description="The open incidents that affect it, newest first.", metadata=pages(_OF_SYSTEM))
    async def open_incidents(
        self,
        info: Info,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
    ) -> Connection[Affecting]:
        arguments = PageArguments(first=first, after=after, last=last, before=before)
        return await self._incidents(info, arguments, ONLY_OPEN, None)

    @strawberry.field(
        description=(
            "The incidents that affect it as they are now, newest first. Resolved ones are shown unless the filter "
            "leaves them out."
        ),
        metadata=pages(_OF_SYSTEM, match=matched),
    )
    async def incidents(
        self,
        info: Info,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
        filter: Matching = strawberry.UNSET,
        order_by: Ordered = strawberry.UNSET,
    ) -> Connection[Affecting]:
        arguments = PageArguments(first=first, after=after, last=last, before=before)
        return await self._incidents(
            info, arguments, await tree_of_system(info.context, filter), order_of_system(order_by)
        )

    async def _incidents(
        self, info: Info, arguments: PageArguments, tree: Filter, order: Order | None
    ) -> Connection[Affecting]:
        cursors, loaders = info.context.domain.reads.cursors, info.context.loaders
        name = cursor_name(_OF_SYSTEM, order)
        request = replace(arguments.request(cursors, name), tree=tree, order=order)
        return connection(
            await loaders.system_incidents.load((self.id, request)),
            to_node=incidents.Incident.of,
            cursor=cursor_maker(
                cursors, name, lambda incident: incident_position(incident, order) if order else (incident.id,)
            ),
            count=lambda: loaders.incident_counts.load((self.id, tree)),
        )
