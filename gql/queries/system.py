"""Queries about the catalog of systems."""

from typing import Annotated

import strawberry

from domain.errors import InvalidInputError
from domain.model.paging import Order
from domain.model.positions import system_position
from gql.context import Info
from gql.inputs.filters import SystemOrder
from gql.inputs.given import value_or_none
from gql.pagination import After, Before, Connection, First, Last, PageArguments, connection, cursor_maker
from gql.types.enums import OrderDirection
from gql.types.incident import System
from gql.types.viewer import Viewer


@strawberry.type
class SystemQueries:
    @strawberry.field(description="The system with that id or key; null where there is none.")
    async def system(
        self,
        info: Info,
        id: Annotated[strawberry.ID | None, strawberry.argument(description="Its id.")] = strawberry.UNSET,
        key: Annotated[str | None, strawberry.argument(description="Its key.")] = strawberry.UNSET,
    ) -> System | None:
        identifier: str | None = value_or_none(id)
        chosen = value_or_none(key)
        if (identifier is None) is (chosen is None):
            raise InvalidInputError("Name the system by `id` or by `key`.", field=["id"])
        if chosen is not None:
            identifier = (await info.context.domain.reads.system_ids([chosen])).get(chosen)
        found = await info.context.loaders.systems.load(identifier) if identifier else None
        return System.of(found) if found else None

    @strawberry.field(description="The catalog of systems, by default ordered by name.")
    async def systems(
        self,
        info: Info,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
        order_by: Annotated[SystemOrder | None, strawberry.argument(description="Their order.")] = strawberry.UNSET,
    ) -> Connection[System]:
        context = info.context
        order = Order(field="name", descending=False)
        if order_by:
            order = Order(field=order_by.field.value, descending=order_by.direction is OrderDirection.DESC)
        name = f"systems:{order.name}"
        arguments = PageArguments(first=first, after=after, last=last, before=before)
        return connection(
            await context.domain.reads.system_page(order, arguments.request(context.domain.reads.cursors, name)),
            to_node=System.of,
            cursor=cursor_maker(context.domain.reads.cursors, name, lambda system: system_position(system, order)),
            count=context.domain.reads.system_count,
        )

    @strawberry.field(description="The caller.")
    async def viewer(self, info: Info) -> Viewer:
        return Viewer.of(info.context.viewer)
