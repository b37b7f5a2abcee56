"""Mutations on webhooks and their deliveries."""

from typing import Annotated, Any

import strawberry
from strawberry.scalars import ID

from domain.model import webhook as model
from domain.services.writing import Outcome
from domain.webhooks.service import Tested
from gql.context import Info
from gql.inputs.given import value_or_none
from gql.inputs.webhook import (
    CreateWebhookInput,
    DeleteWebhookInput,
    RedeliverInput,
    RedeliverWebhookInput,
    RotateWebhookSecretInput,
    TestWebhookInput,
    UpdateWebhookInput,
)
from gql.mutations.answers import answer
from gql.permissions import MANAGE_WEBHOOKS
from gql.types.webhook import Webhook, WebhookDelivery
from gql.types.webhook_payloads import (
    CreateWebhookPayload,
    DeleteWebhookPayload,
    RedeliverPayload,
    RedeliverWebhookPayload,
    RotateWebhookSecretPayload,
    TestWebhookPayload,
    UpdateWebhookPayload,
)

_INPUT = strawberry.argument(description="The input of the mutation.")


def _shown(webhook: model.Webhook) -> dict[str, Any]:
    return {"webhook": Webhook.of(webhook)}


def _with_secret(made: tuple[model.Webhook, str]) -> dict[str, Any]:
    webhook, secret = made
    return {"webhook": Webhook.of(webhook), "secret": secret}


def _outcome(tested: Tested) -> dict[str, Any]:
    return {
        "accepted": tested.is_accepted,
        "response_status": tested.status,
        "reason": tested.reason,
        "duration_millis": tested.duration_millis,
    }


@strawberry.type
class WebhookMutations:
    @strawberry.mutation(
        permission_classes=MANAGE_WEBHOOKS,
        description=(
            "Create a webhook, which gets the changes from now on. Its signing secret is shown in this payload only."
        ),
    )
    async def create_webhook(self, info: Info, input: Annotated[CreateWebhookInput, _INPUT]) -> CreateWebhookPayload:
        async def call() -> Outcome[tuple[model.Webhook, str]]:
            return await info.context.domain.webhooks.service.create(info.context.viewer, input.command())

        return await answer(info, CreateWebhookPayload, call, _with_secret)

    @strawberry.mutation(
        permission_classes=MANAGE_WEBHOOKS,
        description="Change a webhook. What is pending is sent as it is set up from now on.",
    )
    async def update_webhook(self, info: Info, input: Annotated[UpdateWebhookInput, _INPUT]) -> UpdateWebhookPayload:
        async def call() -> Outcome[model.Webhook]:
            return await info.context.domain.webhooks.service.update(info.context.viewer, input.id, input.command())

        return await answer(info, UpdateWebhookPayload, call, _shown)

    @strawberry.mutation(
        permission_classes=MANAGE_WEBHOOKS,
        description=(
            "Replace the signing secret of a webhook. Deliveries are signed with both for a while, so that the "
            "receiver can be configured without a delivery lost."
        ),
    )
    async def rotate_webhook_secret(
        self, info: Info, input: Annotated[RotateWebhookSecretInput, _INPUT]
    ) -> RotateWebhookSecretPayload:
        async def call() -> Outcome[tuple[model.Webhook, str]]:
            service = info.context.domain.webhooks.service
            return await service.rotate(info.context.viewer, input.id, overlap=input.overlap())

        return await answer(info, RotateWebhookSecretPayload, call, _with_secret)

    @strawberry.mutation(
        permission_classes=MANAGE_WEBHOOKS, description="Delete a webhook with its deliveries, pending ones included."
    )
    async def delete_webhook(self, info: Info, input: Annotated[DeleteWebhookInput, _INPUT]) -> DeleteWebhookPayload:
        async def call() -> Outcome[str]:
            return await info.context.domain.webhooks.service.delete(info.context.viewer, input.id)

        return await answer(info, DeleteWebhookPayload, call, lambda gone: {"deleted_webhook_id": ID(gone)})

    @strawberry.mutation(
        permission_classes=MANAGE_WEBHOOKS,
        description="Queue a delivery once more, under its id. Those behind it of the same incident wait for it.",
    )
    async def redeliver(self, info: Info, input: Annotated[RedeliverInput, _INPUT]) -> RedeliverPayload:
        async def call() -> Outcome[model.WebhookDelivery]:
            return await info.context.domain.webhooks.service.redeliver(input.id)

        return await answer(info, RedeliverPayload, call, lambda again: {"delivery": WebhookDelivery.of(again)})

    @strawberry.mutation(
        permission_classes=MANAGE_WEBHOOKS,
        description=(
            "Queue everything behind a cursor of the log once more, delivered or not; without one, what was given up."
        ),
    )
    async def redeliver_webhook(
        self, info: Info, input: Annotated[RedeliverWebhookInput, _INPUT]
    ) -> RedeliverWebhookPayload:
        async def call() -> Outcome[model.Webhook]:
            service = info.context.domain.webhooks.service
            return await service.redeliver_all(input.id, after=value_or_none(input.after))

        return await answer(info, RedeliverWebhookPayload, call, _shown)

    @strawberry.mutation(
        permission_classes=MANAGE_WEBHOOKS,
        description=(
            "Send a CloudEvent of the type `dev.incidentql.webhook.test.v1` to a webhook now, once, also where it is "
            "disabled. It is in no log of deliveries."
        ),
    )
    async def test_webhook(self, info: Info, input: Annotated[TestWebhookInput, _INPUT]) -> TestWebhookPayload:
        async def call() -> Outcome[Tested]:
            return await info.context.domain.webhooks.service.test(input.id)

        return await answer(info, TestWebhookPayload, call, _outcome)
