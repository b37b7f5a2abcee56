"""The payloads of mutations on integrations."""

import strawberry

from gql.types.integration import Integration, IntegrationDelivery
from gql.types.payloads import Payload

_SHOWN_ONCE = (
    "The token to send as `Authorization: Bearer <token>`, as `?token=<token>`, or as `routing_key` to PAGERDUTY. It "
    "is shown only this once."
)


@strawberry.type(description="The payload of `createIntegration`.")
class CreateIntegrationPayload(Payload):
    integration: Integration | None = strawberry.field(default=None, description="The integration.")
    token: str | None = strawberry.field(default=None, description=_SHOWN_ONCE)


@strawberry.type(description="The payload of `updateIntegration`.")
class UpdateIntegrationPayload(Payload):
    integration: Integration | None = strawberry.field(default=None, description="The integration as it is now.")


@strawberry.type(description="The payload of `rotateIntegrationToken`.")
class RotateIntegrationTokenPayload(Payload):
    integration: Integration | None = strawberry.field(default=None, description="The integration as it is now.")
    token: str | None = strawberry.field(default=None, description=_SHOWN_ONCE)


@strawberry.type(description="The payload of `deleteIntegration`.")
class DeleteIntegrationPayload(Payload):
    deleted_integration_id: strawberry.ID | None = strawberry.field(
        default=None, description="The id of the deleted object."
    )


@strawberry.type(description="The payload of `replayDelivery`.")
class ReplayDeliveryPayload(Payload):
    delivery: IntegrationDelivery | None = strawberry.field(
        default=None, description="The replay, with its own outcome."
    )
