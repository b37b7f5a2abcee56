"""Mutations on subscriptions of visitors."""

from typing import Annotated

import strawberry
from strawberry.scalars import ID

from domain.services.writing import Outcome
from gql.context import Info
from gql.inputs.visitor import DeleteVisitorSubscriptionInput
from gql.mutations.answers import answer
from gql.permissions import MANAGE_VISITORS
from gql.types.visitor import DeleteVisitorSubscriptionPayload

_INPUT = strawberry.argument(description="The input of the mutation.")


@strawberry.type
class VisitorMutations:
    @strawberry.mutation(
        permission_classes=MANAGE_VISITORS,
        description="Delete a subscription of a visitor, of which nothing stays. What is being sent still arrives.",
    )
    async def delete_visitor_subscription(
        self, info: Info, input: Annotated[DeleteVisitorSubscriptionInput, _INPUT]
    ) -> DeleteVisitorSubscriptionPayload:
        async def call() -> Outcome[str]:
            service, viewer = info.context.domain.visitors.service, info.context.viewer
            given, is_address = input.given()
            return await (service.delete_address if is_address else service.delete)(viewer, given)

        return await answer(
            info, DeleteVisitorSubscriptionPayload, call, lambda gone: {"deleted_visitor_subscription_id": ID(gone)}
        )
