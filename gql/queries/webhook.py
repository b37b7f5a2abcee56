"""Queries about webhooks and their deliveries."""

from collections.abc import Mapping
from typing import Annotated, Any

import strawberry

from domain.model.paging import Among
from domain.model.selection import OneOf
from gql.compiled.declarations import all_by_id, one
from gql.context import Info
from gql.inputs.given import read_input
from gql.inputs.webhook import WebhookDeliveryFilter, webhook_delivery_filter
from gql.pagination import After, Before, Connection, First, Last, PageArguments, connection_by_id
from gql.permissions import SEE_WEBHOOKS
from gql.types.webhook import Webhook, WebhookDelivery

_WEBHOOKS, _DELIVERIES = "webhooks", "webhook.deliveries"


def _wanted(arguments: Mapping[str, Any]) -> Among:
    return webhook_delivery_filter(read_input(WebhookDeliveryFilter, arguments.get("filter"))).among


@strawberry.type
class WebhookQueries:
    @strawberry.field(
        permission_classes=SEE_WEBHOOKS,
        description="The webhook with that id; null where there is none. For admins.",
        metadata=one(lambda arguments, *_: OneOf(by="id", value=arguments["id"])),
    )
    async def webhook(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="Its id.")]
    ) -> Webhook | None:
        found = (await info.context.domain.webhooks.service.get_many([id])).get(id)
        return Webhook.of(found) if found else None

    @strawberry.field(
        permission_classes=SEE_WEBHOOKS,
        description="All webhooks, newest first; for admins.",
        metadata=all_by_id(_WEBHOOKS, descending=True),
    )
    async def webhooks(
        self,
        info: Info,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
    ) -> Connection[Webhook] | None:
        service, cursors = info.context.domain.webhooks.service, info.context.domain.reads.cursors
        arguments = PageArguments(first=first, after=after, last=last, before=before)
        return await connection_by_id(
            arguments, cursors, _WEBHOOKS, service.page, to_node=Webhook.of, count=service.count
        )

    @strawberry.field(
        permission_classes=SEE_WEBHOOKS,
        description="Deliveries to webhooks, newest first; for admins. What was given up is in the state PARKED.",
        metadata=all_by_id(_DELIVERIES, _wanted, descending=True),
    )
    async def webhook_deliveries(
        self,
        info: Info,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
        filter: Annotated[
            WebhookDeliveryFilter | None, strawberry.argument(description="Only deliveries that match.")
        ] = strawberry.UNSET,
    ) -> Connection[WebhookDelivery] | None:
        service, cursors = info.context.domain.webhooks.service, info.context.domain.reads.cursors
        wanted = webhook_delivery_filter(filter)
        arguments = PageArguments(first=first, after=after, last=last, before=before)
        return await connection_by_id(
            arguments,
            cursors,
            _DELIVERIES,
            lambda page: service.delivery_page(page, wanted),
            to_node=WebhookDelivery.of,
            count=lambda: service.delivery_count(wanted),
        )
