"""Inputs about webhooks."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import strawberry
from strawberry.scalars import JSON
from strawberry.types.unset import UnsetType

from domain.errors import InvalidInputError
from domain.model.commands import Keep
from domain.model.webhook import WebhookDeliveryFilter as WantedDeliveries
from domain.webhooks.drafting import WriteWebhook
from gql.inputs.given import kept_or_cleared, kept_or_set, value_or_none
from gql.types.webhook_enums import WebhookAudience, WebhookDeliveryStatus

_URL = (
    "An absolute http or https address, at most 2,000 characters. Addresses inside the network are refused, but for "
    "those that the operator allows."
)
_NAME = "Its name, 1 to 200 characters in one line; without one, the host of the address."
_AUDIENCE = "The audience whose view of a change is sent."
_DOCUMENT = (
    "A subscription to `incidentEvents` or `incidentChanges`, without `after`, whose answers are the bodies; its "
    "arguments select what is delivered. Without one, CloudEvents of the trigger events are."
)
_VARIABLES = "The variables of the document, a JSON object."
#: A day, in which the receiver is configured anew.
_OVERLAP = 86_400


@strawberry.input(
    description="A webhook to create. There is no idempotency key, because its payload, a secret, is not stored."
)
class CreateWebhookInput:
    url: str = strawberry.field(description=_URL)
    name: str | None = strawberry.field(default=strawberry.UNSET, description=_NAME)
    enabled: bool = strawberry.field(default=True, description="Whether changes are delivered, from now on.")
    audience: WebhookAudience = strawberry.field(default=WebhookAudience.PUBLIC, description=_AUDIENCE)
    document: str | None = strawberry.field(default=strawberry.UNSET, description=_DOCUMENT)
    variables: JSON | None = strawberry.field(default=strawberry.UNSET, description=_VARIABLES)

    def command(self) -> WriteWebhook:
        written = WriteWebhook(
            url=self.url,
            enabled=self.enabled,
            audience=self.audience,
            document=value_or_none(self.document),
            variables=_object(self.variables),
        )
        name = value_or_none(self.name)
        return written if name is None else replace(written, name=name)


@strawberry.input(description="Changes of a webhook; what is absent stays as it is.")
class UpdateWebhookInput:
    id: strawberry.ID = strawberry.field(description="Its id.")
    url: str | None = strawberry.field(default=strawberry.UNSET, description=_URL)
    name: str | None = strawberry.field(default=strawberry.UNSET, description="Its name, 1 to 200 characters.")
    enabled: bool | None = strawberry.field(
        default=strawberry.UNSET,
        description=(
            "Whether changes are delivered. One that is enabled gets those from now on; `redeliverWebhook` sends what "
            "came between."
        ),
    )
    audience: WebhookAudience | None = strawberry.field(default=strawberry.UNSET, description=_AUDIENCE)
    document: str | None = strawberry.field(
        default=strawberry.UNSET, description=f"{_DOCUMENT} Null removes it; its variables have to be `{{}}` then."
    )
    variables: JSON | None = strawberry.field(default=strawberry.UNSET, description=_VARIABLES)

    def command(self) -> WriteWebhook:
        variables = kept_or_set(self.variables, "variables")
        return WriteWebhook(
            url=kept_or_set(self.url, "url"),
            name=kept_or_set(self.name, "name"),
            enabled=kept_or_set(self.enabled, "enabled"),
            audience=kept_or_set(self.audience, "audience"),
            document=kept_or_cleared(self.document),
            variables=variables if isinstance(variables, Keep) else _object(variables),
        )


@strawberry.input(description="A webhook whose signing secret is to be replaced.")
class RotateWebhookSecretInput:
    id: strawberry.ID = strawberry.field(description="Its id.")
    overlap_seconds: int = strawberry.field(
        default=_OVERLAP,
        description="How long deliveries are signed with the former secret as well, 0 to 604800, a day by default.",
    )

    def overlap(self) -> timedelta:
        return timedelta(seconds=self.overlap_seconds)


@strawberry.input(description="A webhook to delete, with its deliveries.")
class DeleteWebhookInput:
    id: strawberry.ID = strawberry.field(description="Its id.")


@strawberry.input(description="A webhook to test.")
class TestWebhookInput:
    id: strawberry.ID = strawberry.field(description="Its id.")


@strawberry.input(description="A delivery to send once more.")
class RedeliverInput:
    id: strawberry.ID = strawberry.field(description="Its id.")


@strawberry.input(description="A webhook that is to get changes once more.")
class RedeliverWebhookInput:
    id: strawberry.ID = strawberry.field(description="Its id.")
    after: str | None = strawberry.field(
        default=strawberry.UNSET,
        description=(
            "The cursor of the log behind which everything is delivered once more; without one, up to 1,000 deliveries "
            "that were given up are, the oldest first."
        ),
    )


@strawberry.input(description="Conditions on deliveries to webhooks, all of which have to hold.")
class WebhookDeliveryFilter:
    webhook_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="Only deliveries to this webhook."
    )
    statuses: list[WebhookDeliveryStatus] | None = strawberry.field(
        default=strawberry.UNSET, description="Only deliveries in one of these states."
    )


def webhook_delivery_filter(given: WebhookDeliveryFilter | UnsetType | None) -> WantedDeliveries:
    """Return the domain's filter for a caller's.

    Raises:
        InvalidInputError: the list of states is empty, which would never match.
    """
    if given is None or isinstance(given, UnsetType):
        return WantedDeliveries()
    statuses = value_or_none(given.statuses)
    if statuses is not None and not statuses:
        raise InvalidInputError("Name at least one state, or leave it out for all.", field=["filter", "statuses"])
    return WantedDeliveries(webhook_id=value_or_none(given.webhook_id), statuses=tuple(dict.fromkeys(statuses or ())))


def _object(given: Any) -> Mapping[str, Any]:
    value = value_or_none(given)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidInputError("This must be a JSON object.", field=["variables"])
    return value
