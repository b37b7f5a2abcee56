"""The present health of systems, and its causes."""

from datetime import datetime
from typing import Self

import strawberry

from domain.model import health as health_model
from domain.model import system as system_model
from gql.types.copying import copied
from gql.types.enums import Health, HealthOverride


@strawberry.type(description="The health that an open incident sets for a system.")
class ActiveHealthOverride:
    system_id: strawberry.ID = strawberry.field(description="The id of the system.")
    status: HealthOverride = strawberry.field(description="The health that the incident sets.")
    incident_id: strawberry.ID = strawberry.field(description="The id of the incident.")
    incident_title: str = strawberry.field(description="The title of the incident.")

    @classmethod
    def of(cls, override: system_model.ActiveHealthOverride) -> Self:
        return copied(cls, override)


@strawberry.type(description="The last report of a system's health.")
class ReportedHealth:
    status: Health = strawberry.field(description="The reported health.")
    since: datetime | None = strawberry.field(description="Since when reports name this health.")
    message: str | None = strawberry.field(description="The report's message, which everybody may read.")
    observed_at: datetime = strawberry.field(description="When the reporter observed it.")
    reported_at: datetime = strawberry.field(description="When the last report arrived.")

    @classmethod
    def of(cls, health: health_model.ReportedHealth | None) -> Self | None:
        if health is None or health.observed_at is None or health.reported_at is None:
            return None
        return cls(
            status=health.status,
            since=health.since,
            message=health.message,
            observed_at=health.observed_at,
            reported_at=health.reported_at,
        )


@strawberry.type(description="A system's health and its causes.")
class SystemHealth:
    status: Health = strawberry.field(description="The worst of the reported health and the overrides.")
    reported: ReportedHealth | None = strawberry.field(
        description="The last report; null where there was none, which counts as healthy."
    )
    overrides: list[ActiveHealthOverride] = strawberry.field(description="The health that open incidents set.")
