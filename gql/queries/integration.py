"""Queries about integrations and their deliveries."""

from collections.abc import Mapping
from typing import Annotated, Any

import strawberry

from domain.model.paging import Among
from domain.model.selection import OneOf
from gql.compiled.declarations import all_by_id, one
from gql.context import Info
from gql.inputs.given import read_input
from gql.inputs.integration import IntegrationDeliveryFilter, delivery_filter
from gql.pagination import After, Before, Connection, First, Last, PageArguments, connection_by_id
from gql.permissions import SEE_INTEGRATIONS
from gql.types.integration import Integration, IntegrationDelivery

_INTEGRATIONS, _DELIVERIES = "integrations", "integration.deliveries"


def _wanted(arguments: Mapping[str, Any]) -> Among:
    return delivery_filter(read_input(IntegrationDeliveryFilter, arguments.get("filter"))).among


@strawberry.type
class IntegrationQueries:
    @strawberry.field(
        permission_classes=SEE_INTEGRATIONS,
        description="The integration with that id; null where there is none. For admins.",
        metadata=one(lambda arguments, *_: OneOf(by="id", value=arguments["id"])),
    )
    async def integration(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="Its id.")]
    ) -> Integration | None:
        found = (await info.context.domain.integrations.get_many([id])).get(id)
        return Integration.of(found) if found else None

    @strawberry.field(
        permission_classes=SEE_INTEGRATIONS,
        description="All integrations, newest first; for admins.",
        metadata=all_by_id(_INTEGRATIONS, descending=True),
    )
    async def integrations(
        self,
        info: Info,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
    ) -> Connection[Integration] | None:
        service, cursors = info.context.domain.integrations, info.context.domain.reads.cursors
        arguments = PageArguments(first=first, after=after, last=last, before=before)
        return await connection_by_id(
            arguments, cursors, _INTEGRATIONS, service.page, to_node=Integration.of, count=service.count
        )

    @strawberry.field(
        permission_classes=SEE_INTEGRATIONS,
        description="Deliveries to integrations, refused ones included, newest first; for admins.",
        metadata=all_by_id(_DELIVERIES, _wanted, descending=True),
    )
    async def integration_deliveries(
        self,
        info: Info,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
        filter: Annotated[
            IntegrationDeliveryFilter | None, strawberry.argument(description="Only deliveries that match.")
        ] = strawberry.UNSET,
    ) -> Connection[IntegrationDelivery] | None:
        service, cursors = info.context.domain.integrations, info.context.domain.reads.cursors
        wanted = delivery_filter(filter)
        arguments = PageArguments(first=first, after=after, last=last, before=before)
        return await connection_by_id(
            arguments,
            cursors,
            _DELIVERIES,
            lambda page: service.delivery_page(page, wanted),
            to_node=IntegrationDelivery.of,
            count=lambda: service.delivery_count(wanted),
        )
