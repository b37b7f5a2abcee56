"""Subscriptions of visitors, and the payload of mutations on them."""

from datetime import datetime
from typing import Self

import strawberry

from domain.visitors.service import ShownVisitor
from gql.types.node import Node
from gql.types.payloads import Payload
from gql.types.visitor_enums import VisitorKind, VisitorState


@strawberry.type(
    description="A visitor of the status page who is sent what it shows. The address is never shown in full."
)
class VisitorSubscription(Node):
    kind: VisitorKind = strawberry.field(description="The kind of place that messages go to.")
    address: str | None = strawberry.field(
        description=(
            "Enough of the address to recognize it, such as `a***@example.com`; null where the server lacks the key "
            "that it was encrypted with."
        )
    )
    state: VisitorState = strawberry.field(description="Its state.")
    system_ids: list[strawberry.ID] = strawberry.field(
        description="The ids of the systems that it is about, deleted ones included; empty for all."
    )
    created_at: datetime = strawberry.field(description="When it was first asked for.")
    confirmed_at: datetime | None = strawberry.field(description="When its owner confirmed it.")
    paused_at: datetime | None = strawberry.field(description="Since when it is paused.")
    paused_reason: str | None = strawberry.field(description="Why it is paused.")
    failing_since: datetime | None = strawberry.field(
        description="When a message first failed since the last success; null while they are taken."
    )
    last_success_at: datetime | None = strawberry.field(description="When a message was last taken.")

    @classmethod
    def of(cls, shown: ShownVisitor) -> Self:
        found = shown.subscription
        return cls(
            id=strawberry.ID(found.id),
            kind=found.kind,
            address=shown.address,
            state=found.state,
            system_ids=[strawberry.ID(system_id) for system_id in found.system_ids],
            created_at=found.created_at,
            confirmed_at=found.confirmed_at,
            paused_at=found.paused_at,
            paused_reason=found.paused_reason,
            failing_since=found.failing_since,
            last_success_at=found.last_success_at,
        )


@strawberry.type(description="The payload of `deleteVisitorSubscription`.")
class DeleteVisitorSubscriptionPayload(Payload):
    deleted_visitor_subscription_id: strawberry.ID | None = strawberry.field(
        default=None, description="The id of the deleted object."
    )
