"""Queries about maintenance windows."""

from typing import Annotated

import strawberry

from domain.model.selection import OneOf
from gql.compiled.declarations import all_by_id, one
from gql.context import Info
from gql.inputs.maintenance import MaintenanceFilter, maintenance_filter, windows_wanted
from gql.pagination import After, Before, Connection, First, Last, PageArguments, connection, cursor_maker
from gql.types.maintenance import Maintenance

_LIST = "maintenances"


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
