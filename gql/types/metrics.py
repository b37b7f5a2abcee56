"""Figures about incidents."""

from datetime import datetime
from typing import Any, Self

import strawberry

from domain.model import counts as model
from domain.model import metrics as metrics_model
from gql.context import Info
from gql.types.actor import Actor
from gql.types.copying import copied
from gql.types.enums import Severity, Status
from gql.types.label import IncidentLabel
from gql.types.system import System


@strawberry.type
class _Grouped:
    severity: Severity | None = strawberry.field(
        description="The severity of these incidents; null where they are not grouped by it."
    )
    status: Status | None = strawberry.field(
        description="The status of these incidents; null where they are not grouped by it."
    )
    opened_by: Actor | None = strawberry.field(
        description="The actor that opened these incidents; null where they are not grouped by it."
    )
    label: IncidentLabel | None = strawberry.field(
        description="A label of these incidents; null for those without one, and where they are not grouped by it."
    )
    system_id: strawberry.Private[str | None]

    @strawberry.field(
        description="A system of these incidents; null for those without one, and where they are not grouped by it."
    )
    async def system(self, info: Info) -> System | None:
        found = await info.context.loaders.systems.load(self.system_id) if self.system_id else None
        return System.of(found) if found else None


@strawberry.type(description="A number of incidents that have something in common.")
class IncidentCount(_Grouped):
    count: int = strawberry.field(description="How many there are.")

    @classmethod
    def of(cls, counted: model.IncidentCount) -> Self:
        return cls(count=counted.count, **grouped(counted.group))


@strawberry.type(
    description=(
        "Figures about how long something took, in seconds. A percentile is the shortest of these times that so many "
        "of them did not exceed."
    )
)
class DurationFigures:
    count: int = strawberry.field(description="How many there are.")
    mean_seconds: float = strawberry.field(description="Their mean.")
    p50_seconds: float = strawberry.field(description="The time that half of them did not exceed.")
    p90_seconds: float = strawberry.field(description="The time that nine in ten of them did not exceed.")

    @classmethod
    def of(cls, durations: metrics_model.Durations | None) -> Self | None:
        return None if durations is None else copied(cls, durations)


@strawberry.type(description="Metrics of a group of incidents in one time, by the dates of their timelines.")
class IncidentMetricsPoint:
    start: datetime = strawberry.field(description="When this time begins.")
    end: datetime = strawberry.field(description="When it ends; this moment belongs to the next point.")
    opened: int = strawberry.field(description="How many began in it, by `occurredAt`.")
    resolved: int = strawberry.field(description="How often one of them was resolved in it.")
    reopened: int = strawberry.field(description="How often one of them was reopened in it.")
    open_at_end: int = strawberry.field(
        description=(
            "How many were open at its end: those at its beginning, and what was opened and reopened, without what was "
            "resolved. Of a time that has not ended, how many are open now."
        )
    )
    time_to_acknowledge: DurationFigures | None = strawberry.field(
        description=(
            "From their beginning to `acknowledgedAt`, which reopening clears, of those where this lies in it; null "
            "where none does."
        )
    )
    time_to_identify: DurationFigures | None = strawberry.field(
        description="From their beginning to `identifiedAt`, of those where this lies in it; null where none does."
    )
    time_to_resolve: DurationFigures | None = strawberry.field(
        description="From their beginning to `resolvedAt`, of those where this lies in it; null where none does."
    )

    @classmethod
    def of(cls, point: metrics_model.MetricsPoint) -> Self:
        return cls(
            start=point.span.start,
            end=point.span.end,
            opened=point.opened,
            resolved=point.resolved,
            reopened=point.reopened,
            open_at_end=point.open_at_end,
            time_to_acknowledge=DurationFigures.of(point.lapses.get(metrics_model.Lapse.ACKNOWLEDGE)),
            time_to_identify=DurationFigures.of(point.lapses.get(metrics_model.Lapse.IDENTIFY)),
            time_to_resolve=DurationFigures.of(point.lapses.get(metrics_model.Lapse.RESOLVE)),
        )


@strawberry.type(description="Metrics of incidents that have something in common, over time.")
class IncidentMetrics(_Grouped):
    points: list[IncidentMetricsPoint] = strawberry.field(description="A point for each bucket, in order.")

    @classmethod
    def of(cls, metrics: metrics_model.IncidentMetrics) -> Self:
        return cls(points=[IncidentMetricsPoint.of(point) for point in metrics.points], **grouped(metrics.group))


def grouped(group: model.Group) -> dict[str, Any]:
    """Return the fields that say what incidents have in common."""
    opened_by = Actor.of(group.opened_by) if group.opened_by else None
    label = IncidentLabel(key=group.label[0], value=group.label[1]) if group.label else None
    return {
        "severity": group.severity,
        "status": group.status,
        "system_id": group.system_id,
        "opened_by": opened_by,
        "label": label,
    }
