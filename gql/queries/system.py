"""Queries about the catalog of systems."""

from collections.abc import Mapping
from typing import Annotated, Any

import strawberry

from domain.errors import InvalidInputError
from domain.ids import is_id
from domain.model.positions import system_position
from domain.model.selection import AllOf, OneOf
from gql.compiled.declarations import all_in_order, cursor_name, one
from gql.context import Info
from gql.inputs.catalog import SystemCatalogFilter, catalog_filter
from gql.inputs.given import read_input, value_or_none
from gql.inputs.orders import SystemOrder, system_order_of
from gql.pagination import After, Before, Connection, First, Last, PageArguments, connection, cursor_maker
from gql.types.system import System

_LIST = "systems"


def _by_id_or_key(arguments: Mapping[str, Any], *_: object) -> OneOf | None:
    given = [OneOf(by=name, value=value) for name, value in arguments.items() if value is not None]
    # A key may be an id as well, which only the generic path looks for.
    is_plain = len(given) == 1 and (given[0].by == "id" or not is_id(given[0].value, "sys"))
    return given[0] if is_plain else None


def _catalog(arguments: Mapping[str, Any], *_: object) -> AllOf:
    wanted = catalog_filter(read_input(SystemCatalogFilter, arguments.get("filter")))
    return AllOf(order=system_order_of(read_input(SystemOrder, arguments.get("orderBy"))), catalog=wanted)


@strawberry.type
class SystemQueries:
    @strawberry.field(
        description="The system with that id or key; null where there is none.", metadata=one(_by_id_or_key)
    )
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

    @strawberry.field(
        description="The catalog of systems, by default ordered by name.", metadata=all_in_order(_LIST, _catalog)
    )
    async def systems(
        self,
        info: Info,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
        filter: Annotated[
            SystemCatalogFilter | None, strawberry.argument(description="Only systems that match.")
        ] = strawberry.UNSET,
        order_by: Annotated[SystemOrder | None, strawberry.argument(description="Their order.")] = strawberry.UNSET,
    ) -> Connection[System]:
        context = info.context
        order, wanted = system_order_of(order_by), catalog_filter(filter)
        name = cursor_name(_LIST, order)
        arguments = PageArguments(first=first, after=after, last=last, before=before)
        return connection(
            await context.domain.reads.system_page(
                order, arguments.request(context.domain.reads.cursors, name), wanted
            ),
            to_node=System.of,
            cursor=cursor_maker(context.domain.reads.cursors, name, lambda system: system_position(system, order)),
            count=lambda: context.domain.reads.system_count(wanted),
        )
