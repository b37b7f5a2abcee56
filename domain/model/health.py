"""How systems fare, as their monitors reported it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.model.incident import Health
from domain.model.moment import iso
from domain.model.texts import checked_message


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemHealth:
    """What was last reported of one system; one of which nothing was reported has none, and counts as healthy."""

    system_id: str
    #: Of the system as it is called now.
    system_key: str
    system_name: str
    status: Health
    message: str | None
    #: When the reporter saw it; of a report that repeats the one before, when they saw it last.
    observed_at: datetime
    #: When the last report of it arrived here.
    reported_at: datetime
    version: int

    def facts(self) -> dict[str, Any]:
        """What describes the status."""
        return {"message": self.message}

    def aside(self) -> dict[str, Any]:
        """What payloads need beside it, as JSON."""
        return {
            "system_key": self.system_key,
            "system_name": self.system_name,
            "observed_at": iso(self.observed_at),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedHealth:
    """How a system fares by its reports, and since when; without any it is healthy, since nobody knows when."""

    system_id: str
    status: Health = Health.HEALTHY
    #: When its status became this one here.
    since: datetime | None = None
    message: str | None = None
    observed_at: datetime | None = None
    reported_at: datetime | None = None

    @property
    def is_reported(self) -> bool:
        """Whether anybody ever said anything."""
        return self.reported_at is not None


def checked_health_message(message: str | None) -> str | None:
    """What a report says in words, at most 25,000 characters; a blank one is none.

    Raises:
        InvalidInputError: it is too long.
    """
    return None if message is None or not message.strip() else checked_message(message)
