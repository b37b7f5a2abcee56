"""Time triggers: their settings, and when they fire next."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from croniter import CroniterError, croniter
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from domain.automations.conditions.model import known_zone
from domain.automations.definitions.definition import TriggerPart
from domain.automations.expressions.durations import Seconds
from domain.automations.triggers.cron import next_of_cron
from domain.entities.triggers import Trigger
from domain.model.moment import iso

CRON = "time.cron"
INTERVAL = "time.interval"
MANUAL = "manual"
_CATEGORY = "Time"
_LONGEST_SECONDS = 31_536_000
_LONGEST_CRON = 500
_CHANCE = re.compile(r"\bR", re.IGNORECASE)


def _cron(text: str) -> str:
    # R is a random moment, another one for each call.
    is_cron = len(text.split()) == 5 and not _CHANCE.search(text) and croniter.is_valid(text)  # noqa: PLR2004 - minute, hour, day, month, weekday
    if not is_cron:
        raise PydanticCustomError("cron", "This is not a cron expression of five fields such as */5 * * * *.")
    try:
        # Four years have every day of the calendar.
        croniter(text, datetime(2024, 1, 1, tzinfo=UTC), max_years_between_matches=8).get_next(datetime)
    except CroniterError as error:
        raise PydanticCustomError("cron", "There is no such day; it would never fire.") from error
    return text


class _Config(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CronConfig(_Config):
    """The settings of `time.cron`."""

    # The bound before the rule: a much longer expression takes long to parse, each time that it fires.
    cron: Annotated[str, Field(max_length=_LONGEST_CRON), AfterValidator(_cron)] = Field(
        description="Minute, hour, day, month, weekday: */5 * * * *."
    )
    timezone: Annotated[str, AfterValidator(known_zone)] = Field(default="UTC", description="An IANA name.")


class IntervalConfig(_Config):
    """The settings of `time.interval`."""

    seconds: Seconds = Field(ge=1, le=_LONGEST_SECONDS, description="How many seconds lie between two firings.")


class TimePayload(BaseModel):
    """The payload of time triggers."""

    model_config = ConfigDict(populate_by_name=True)

    scheduled_at: datetime = Field(alias="scheduledAt", description="When it was due.")


class ManualPayload(BaseModel):
    """The payload of a run by hand, as the caller gives it."""

    model_config = ConfigDict(extra="allow")


#: The triggers that no entity fires.
TIME_TRIGGERS = (
    Trigger(
        id=CRON,
        display_name="Schedule",
        description="Fires at the times of a cron expression.",
        category=_CATEGORY,
        icon="CalendarClock",
        payload=TimePayload,
        context_key="",
        config=CronConfig,
    ),
    Trigger(
        id=INTERVAL,
        display_name="Interval",
        description="Fires again and again after a time.",
        category=_CATEGORY,
        icon="Timer",
        payload=TimePayload,
        context_key="",
        config=IntervalConfig,
    ),
    Trigger(
        id=MANUAL,
        display_name="By Hand",
        description="Fires when a person or a client runs the automation.",
        category="People",
        icon="Hand",
        payload=ManualPayload,
        context_key="",
    ),
)


def next_firing(trigger: TriggerPart, *, after: datetime, was: datetime | None = None) -> datetime | None:
    """Return when a time trigger fires next; None for a trigger that time does not fire.

    Intervals are counted from when it was due before, so that the delay of each firing does not add up.
    """
    if trigger.event == CRON:
        config = CronConfig.model_validate(trigger.config or {})
        return next_of_cron(config.cron, ZoneInfo(config.timezone), after=after)
    if trigger.event == INTERVAL:
        interval = timedelta(seconds=IntervalConfig.model_validate(trigger.config or {}).seconds)
        begin = after if was is None else was
        return begin + interval * max(1, (after - begin) // interval + 1)
    return None


def time_payload(due: datetime) -> Mapping[str, Any]:
    """Return the payload of a time trigger."""
    return {"scheduledAt": iso(due)}
