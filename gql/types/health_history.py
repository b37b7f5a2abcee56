"""The health of systems in the past."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Self

import strawberry
from strawberry.types.unset import UnsetType

from domain.errors import InvalidInputError
from domain.model import health_history as model
from domain.model.series import TimeBucket, spans_between
from domain.services.health_history import Asked
from gql.context import Info
from gql.types.copying import copied
from gql.types.enums import Health, HealthOverride

Since = Annotated[datetime, strawberry.argument(name="from", description="The start of the span.")]
Until = Annotated[
    datetime | None, strawberry.argument(name="to", description="The end of the span, behind `from`; by default now.")
]


@strawberry.type(description="A period in which a system's health had the same causes.")
class HealthPeriod:
    since: datetime = strawberry.field(name="from", description="The start of the period.")
    until: datetime = strawberry.field(name="to", description="The end of the period; that of the span, or now.")
    status: Health = strawberry.field(description="The worst of both causes.")
    reported: Health = strawberry.field(description="The reported health; healthy without a report.")
    override: HealthOverride | None = strawberry.field(
        description="The worst health that open incidents set; null where none did."
    )
    under_maintenance: bool = strawberry.field(
        description="Whether it was under maintenance, by the systems that the windows have now."
    )

    @classmethod
    def of(cls, period: model.HealthPeriod) -> Self:
        return copied(cls, period)


@strawberry.type(description="The time that a system spent in each health, of one bucket of time.")
class UptimePoint:
    since: datetime = strawberry.field(name="from", description="The start of the bucket, or of the span.")
    until: datetime = strawberry.field(name="to", description="The end of the bucket, or of the span.")
    healthy_seconds: float = strawberry.field(description="The seconds in which it was healthy.")
    degraded_seconds: float = strawberry.field(description="The seconds in which it was degraded.")
    unhealthy_seconds: float = strawberry.field(description="The seconds in which it was unhealthy.")
    maintenance_seconds: float = strawberry.field(
        description="The seconds of these in which it was under maintenance; they count in the uptime like others."
    )
    uptime: float | None = strawberry.field(
        description=(
            "The share of the known time in which it was healthy or degraded, from 0 to 1; null where nothing is "
            "known: before the system was added, and in the future."
        )
    )

    @classmethod
    def of(cls, point: model.UptimePoint) -> Self:
        return cls(
            since=point.since,
            until=point.until,
            healthy_seconds=point.seconds[Health.HEALTHY],
            degraded_seconds=point.seconds[Health.DEGRADED],
            unhealthy_seconds=point.seconds[Health.UNHEALTHY],
            maintenance_seconds=point.maintenance_seconds,
            uptime=point.uptime,
        )


def check_span(arguments: Mapping[str, Any], now: datetime) -> None:
    """Check the arguments of a span, and of its buckets if there are any.

    Raises:
        InvalidInputError: the span does not begin before it ends, or there are too many buckets.
    """
    bucket = arguments.get("bucket")
    spans_between(arguments["from"], arguments.get("to") or now, None if bucket is None else TimeBucket(bucket))


async def history_of(
    info: Info, system_id: str, since: datetime, until: datetime | UnsetType | None
) -> list[HealthPeriod]:
    """Return the periods of a system's health.

    Raises:
        InvalidInputError: the span does not begin before it ends, or there are too many periods.
    """
    asked = _asked(since, until)
    periods = await info.context.loaders.health_periods.load((system_id, asked))
    if len(periods) > model.MOST_PERIODS:
        raise InvalidInputError(
            f"That would be more than {model.MOST_PERIODS:,} periods: ask for a shorter span.", field=["to"]
        )
    return [HealthPeriod.of(period) for period in periods]


async def uptime_of(
    info: Info, system_id: str, since: datetime, until: datetime | UnsetType | None, bucket: TimeBucket
) -> list[UptimePoint]:
    """Return a system's uptime by buckets.

    Raises:
        InvalidInputError: the span does not begin before it ends, or there are too many buckets.
    """
    asked = _asked(since, until)
    buckets = spans_between(since, info.context.domain.health_history.end_of(asked), bucket)
    periods = await info.context.loaders.health_periods.load((system_id, asked))
    return [UptimePoint.of(point) for point in model.uptime_of(periods, buckets)]


def _asked(since: datetime, until: datetime | UnsetType | None) -> Asked:
    return Asked(since=since, until=None if isinstance(until, UnsetType) else until)
