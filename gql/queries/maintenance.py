"""Queries about maintenance windows."""

import asyncio
from datetime import datetime
from typing import Annotated

import strawberry

from domain.errors import InvalidInputError
from domain.model.selection import OneOf
from gql.compiled.declarations import all_by_id, one
from gql.context import Info
from gql.inputs.given import value_or_none
from gql.inputs.maintenance import MaintenanceFilter, maintenance_filter, windows_wanted
from gql.pagination import After, Before, Connection, First, Last, PageArguments, connection, cursor_maker
from gql.permissions import MANAGE_MAINTENANCE
from gql.types.maintenance import Maintenance

_LIST = "maintenances"
_MOST_TIMES = 100


@strawberry.type
class MaintenanceQueries:
    @strawberry.field(
        description="The maintenance window with that id; null where there is none that the caller may see.",
        metadata=one(lambda arguments, *_: OneOf(by="id", value=arguments["id"])),
    )
    async def maintenance(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="Its id.")]
    ) -> Maintenance | None:
        found = await info.context.loaders.maintenance.windows.load(id)
        return Maintenance.of(found) if found else None

    @strawberry.field(
        description="The maintenance windows that the caller may see, newest first.",
        metadata=all_by_id(_LIST, windows_wanted, descending=True),
    )
    async def maintenances(
        self,
        info: Info,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
        filter: Annotated[
            MaintenanceFilter | None, strawberry.argument(description="Only windows that match.")
        ] = strawberry.UNSET,
    ) -> Connection[Maintenance]:
        reads, cursors = info.context.domain.maintenance.reads, info.context.domain.reads.cursors
        wanted, audience = maintenance_filter(filter), info.context.audience
        arguments = PageArguments(first=first, after=after, last=last, before=before)
        return connection(
            await reads.page(arguments.request(cursors, _LIST), wanted, audience),
            to_node=Maintenance.of,
            cursor=cursor_maker(cursors, _LIST, lambda maintenance: (maintenance.id,)),
            count=lambda: reads.count(wanted, audience),
        )

    @strawberry.field(
        permission_classes=MANAGE_MAINTENANCE,
        description=(
            "When a maintenance with these times would begin, the next times first, as scheduling it would have it. "
            "Nothing is written. For responders."
        ),
    )
    async def maintenance_times(
        self,
        info: Info,
        starts_at: Annotated[datetime, strawberry.argument(description="When its first instance begins.")],
        ends_at: Annotated[datetime, strawberry.argument(description="When that ends.")],
        recurrence: Annotated[
            str | None, strawberry.argument(description="The rule, an RRULE of iCalendar; without one, it is once.")
        ] = strawberry.UNSET,
        time_zone: Annotated[
            str, strawberry.argument(description="The IANA name of the time zone by whose clocks it begins.")
        ] = "UTC",
        first: Annotated[int, strawberry.argument(description="The most times, 1 to 100.")] = 5,
    ) -> list[datetime] | None:
        if not 1 <= first <= _MOST_TIMES:
            raise InvalidInputError(f"Ask for 1 to {_MOST_TIMES} times.", field=["first"])
        reads = info.context.domain.maintenance.reads
        # Rules of many parts take longer than others shall wait.
        times = await asyncio.to_thread(
            reads.times, starts_at, ends_at, recurrence=value_or_none(recurrence), time_zone=time_zone
        )
        return times[:first]
