"""Webhooks: servers that are sent what changes, and the deliveries to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from domain.model.actor import Actor
from domain.model.paging import Among
from domain.model.viewer import Audience


class WebhookAudience(StrEnum):
    """The audience that the receiver of a webhook belongs to."""

    PUBLIC = "public"
    RESPONDERS = "responders"

    @property
    def audience(self) -> Audience:
        """The audience whose view of a change is sent."""
        return Audience.MANAGER if self is WebhookAudience.RESPONDERS else Audience.PUBLIC


class WebhookDeliveryStatus(StrEnum):
    """The state of a delivery."""

    PENDING = "pending"
    DELIVERED = "delivered"
    PARKED = "parked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """One webhook; its signing secret is not among its fields."""

    id: str
    name: str
    url: str
    enabled: bool
    audience: WebhookAudience
    #: The subscription whose answers are sent, and its variables; without one, CloudEvents of trigger events are.
    document: str | None = None
    variables: Mapping[str, Any]
    created_at: datetime
    updated_at: datetime
    created_by: Actor
    #: When its signing secret was made, or last replaced, and until when the one before is used as well.
    secret_created_at: datetime
    former_secret_until: datetime | None = None
    #: Since when it is disabled, and why the server did that; no reason where an admin did.
    disabled_at: datetime | None = None
    disabled_reason: str | None = None
    #: Since when every attempt has failed.
    failing_since: datetime | None = None
    last_success_at: datetime | None = None
    #: Until when the receiver asked to be left alone.
    paused_until: datetime | None = None
    #: The moment of the oldest change that was given up and not delivered since.
    gap_since: datetime | None = None
    #: Only changes behind this position of the log are delivered.
    after_seq: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookDelivery:
    """One change for one webhook; its body is made from the log whenever it is sent."""

    id: str
    webhook_id: str
    change_id: str
    seq: int
    incident_id: str
    #: The trigger event of the change, if it fired one.
    event: str | None = None
    status: WebhookDeliveryStatus = WebhookDeliveryStatus.PENDING
    attempts: int = 0
    #: When the change was made, and when it was queued.
    occurred_at: datetime
    created_at: datetime
    next_attempt_at: datetime | None = None
    last_attempt_at: datetime | None = None
    delivered_at: datetime | None = None
    #: Of the last attempt: the status of the answer, why it failed, how long it took, and the bytes that were sent.
    response_status: int | None = None
    reason: str | None = None
    duration_millis: int | None = None
    body_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookDeliveryFilter:
    """The deliveries that are wanted; without values, all of them."""

    webhook_id: str | None = None
    statuses: Sequence[WebhookDeliveryStatus] = ()

    @property
    def among(self) -> Among:
        """The values that rows have in their columns."""
        wanted: list[tuple[str, tuple[Any, ...]]] = []
        if self.webhook_id is not None:
            wanted.append(("webhook_id", (self.webhook_id,)))
        if self.statuses:
            wanted.append(("status", tuple(self.statuses)))
        return tuple(wanted)
