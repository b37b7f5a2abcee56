"""Integrations: addresses for monitors, the alerts that they sent, and the deliveries of these."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from domain.model.actor import Actor, ActorType
from domain.model.paging import Among
from domain.model.viewer import Role, Viewer


class IntegrationType(StrEnum):
    """The format that an integration receives."""

    ALERTMANAGER = "alertmanager"
    GRAFANA = "grafana"
    PAGERDUTY = "pagerduty"
    UPTIME_KUMA = "uptime_kuma"
    HEALTHCHECKS = "healthchecks"
    CLOUDEVENTS = "cloudevents"
    EVENTS = "events"

    @property
    def path(self) -> str:
        """The path that its deliveries are sent to."""
        return _PATHS.get(self, f"/integrations/{self.value.replace('_', '-')}")


_PATHS = {IntegrationType.PAGERDUTY: "/integrations/pagerduty/v2/enqueue"}


class DeliveryOutcome(StrEnum):
    """The outcome of a delivery."""

    APPLIED = "applied"
    UNCHANGED = "unchanged"
    PARTIAL = "partial"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Integration:
    """One integration; its token is not stored."""

    id: str
    type: IntegrationType
    name: str
    enabled: bool
    #: What its alerts mean here, as it was saved.
    system_mapping: Mapping[str, Any]
    severity_mapping: Mapping[str, Any]
    mapping: Mapping[str, Any]
    #: How its deliveries are kept.
    keep_bodies: bool
    masked_fields: tuple[str, ...]
    created_at: datetime
    updated_at: datetime
    created_by: Actor
    #: When its token was made, or last replaced.
    token_created_at: datetime

    @property
    def path(self) -> str:
        """The path that its deliveries are sent to."""
        return self.type.path

    @property
    def actor(self) -> Actor:
        """The actor of what it writes."""
        return Actor(type=ActorType.APPLICATION, id=self.id, name=self.name)

    @property
    def viewer(self) -> Viewer:
        """The caller that uses its token."""
        return Viewer(actor=self.actor, role=Role.RESPONDER)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertState:
    """The state of one alert of an integration, and of the incident that it opened or joined."""

    key: str
    is_firing: bool = False
    #: The latest moment at which it is known to have fired, and to have ended.
    fired_at: datetime | None = None
    ended_at: datetime | None = None
    incident_id: str | None = None
    group_key: str | None = None
    #: Of its incident: whether that is open, and when it was resolved.
    is_open: bool = False
    resolved_at: datetime | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationDelivery:
    """One delivery, or several equal ones that changed nothing."""

    id: str
    integration_id: str
    outcome: DeliveryOutcome
    received_at: datetime
    last_received_at: datetime
    #: How often the same body came that changed nothing.
    times: int = 1
    #: Why it, or some of its alerts, were refused.
    reason: str | None = None
    alerts: int = 0
    opened: int = 0
    resolved: int = 0
    acknowledged: int = 0
    refused: int = 0
    incident_ids: tuple[str, ...] = ()
    #: Its body as it came, without what is masked; None where it is not kept.
    body: str | None = None
    #: The delivery that it is a replay of.
    replay_of: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFilter:
    """The deliveries that are wanted; without values, all of them."""

    integration_id: str | None = None
    outcomes: Sequence[DeliveryOutcome] = ()

    @property
    def among(self) -> Among:
        """The values that rows have in their columns."""
        wanted: list[tuple[str, tuple[Any, ...]]] = []
        if self.integration_id is not None:
            wanted.append(("integration_id", (self.integration_id,)))
        if self.outcomes:
            wanted.append(("outcome", tuple(self.outcomes)))
        return tuple(wanted)
