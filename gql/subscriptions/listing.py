"""Subscriptions to lists."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any

import strawberry
from strawberry.types.unset import UnsetType

from domain.model.incident_listing import IncidentListing
from domain.model.listing import Listing
from domain.model.paging import page_size
from domain.services.lists import ListStep
from gql.context import Context, Info
from gql.inputs.catalog import SystemCatalogFilter, catalog_filter
from gql.inputs.filters import IncidentFilter, hide_resolved, lasting_filter
from gql.inputs.given import value_or_none
from gql.inputs.orders import IncidentOrder, SystemOrder, order_of, system_order_of
from gql.permissions import READ
from gql.subscriptions.following import given
from gql.types.listing import IncidentListUpdate, SystemListUpdate

First = Annotated[
    int | None, strawberry.argument(description="The number of items that are shown: 1 to 100, by default 25.")
]
After = Annotated[
    str | None,
    strawberry.argument(
        description=(
            "The cursor of the last message that was applied, of a list with the same other arguments: what happened "
            "since comes first. Where that is not known any more, the list starts over. By default it does."
        )
    ),
]


@strawberry.type
class ListSubscriptions:
    @strawberry.subscription(
        permission_classes=READ,
        description=(
            "The first incidents that match, in their order, and then every change of that list, whatever caused it. "
            "Applied one after the other, its messages make at each cursor what the query `incidents` with the same "
            "arguments shows there. What items show of other entities, such as the name of a system, is as of the "
            "item's own last change."
        ),
    )
    async def incident_list(
        self,
        info: Info,
        filter: Annotated[
            IncidentFilter | None, strawberry.argument(description="Only incidents that match.")
        ] = strawberry.UNSET,
        order_by: Annotated[IncidentOrder | None, strawberry.argument(description="Their order.")] = strawberry.UNSET,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
    ) -> AsyncGenerator[IncidentListUpdate, None]:
        context = info.context
        size, _ = page_size(first=value_or_none(first), last=None)
        tree, named = await lasting_filter(context, filter)
        tree = hide_resolved(filter, tree)
        listing = IncidentListing(tree=tree, named=named, order=order_of(order_by), size=size)
        async with aclosing(_steps(context, listing, after)) as steps:
            async for step in steps:
                yield IncidentListUpdate.of(step, context)

    @strawberry.subscription(
        permission_classes=READ,
        description=(
            "The first systems that match, in their order, and then every change of that list, whatever caused it: of "
            "systems themselves, of their reported health, and of open incidents that set it. Applied one after the "
            "other, its messages make at each cursor what the query `systems` with the same arguments shows there. "
            "What items show of anything else, such as their incidents, their past health, or the time of a report "
            "that repeats the one before, is as of the item's own last change."
        ),
    )
    async def system_list(
        self,
        info: Info,
        filter: Annotated[
            SystemCatalogFilter | None, strawberry.argument(description="Only systems that match.")
        ] = strawberry.UNSET,
        order_by: Annotated[
            SystemOrder | None, strawberry.argument(description="Their order; by default by name.")
        ] = strawberry.UNSET,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
    ) -> AsyncGenerator[SystemListUpdate, None]:
        context = info.context
        size, _ = page_size(first=value_or_none(first), last=None)
        wanted, order = catalog_filter(filter), system_order_of(order_by)
        listing = await context.domain.lists.of_systems(wanted, order, size=size)
        async with aclosing(_steps(context, listing, after)) as steps:
            async for step in steps:
                yield SystemListUpdate.of(step, context)


async def _steps(
    context: Context, listing: Listing, after: str | UnsetType | None
) -> AsyncGenerator[ListStep[Any], None]:
    """Yield the steps of a list, each as of its place."""
    async with aclosing(context.listed(listing, given(after))) as steps:
        async for step in steps:
            context.at_event(step.position)
            yield step
