"""The health of systems, as reported by their monitors."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from domain.model.incident import Health, HealthOverride
from domain.model.moment import iso
from domain.model.texts import checked_message


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemHealth:
    """The last report of one system; a system without reports has none, and counts as healthy."""

    system_id: str
    #: The system's present key and name.
    system_key: str
    system_name: str
    status: Health
    message: str | None
    #: When the reporter observed the status last: a report that repeats the one before moves it on.
    observed_at: datetime
    #: When the last report arrived here.
    reported_at: datetime
    version: int
    #: Whether the system was under maintenance when this report arrived; unknown of what is read back.
    under_maintenance: bool = False

    def facts(self) -> dict[str, Any]:
        """Return the fields that describe the status."""
        return {"message": self.message}

    def aside(self) -> dict[str, Any]:
        """Return the further fields that payloads need, as JSON."""
        return {
            "system_key": self.system_key,
            "system_name": self.system_name,
            "observed_at": iso(self.observed_at),
            "under_maintenance": self.under_maintenance,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthStep:
    """One system's health before and after a change, and the causes of it afterwards."""

    system_id: str
    previous: Health
    status: Health
    reported: Health
    #: The worst that open incidents set; None where none does.
    override: HealthOverride | None

    def as_json(self) -> dict[str, Any]:
        """Return the form in the log."""
        return {
            "system_id": self.system_id,
            "previous": self.previous,
            "status": self.status,
            "reported": self.reported,
            "override": self.override,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return the step that `as_json` described."""
        return cls(
            system_id=data["system_id"],
            previous=Health(data["previous"]),
            status=Health(data["status"]),
            reported=Health(data["reported"]),
            override=HealthOverride(data["override"]) if data["override"] else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedHealth:
    """A system's health by its reports; healthy, and without times, where there is no report."""

    system_id: str
    status: Health = Health.HEALTHY
    #: When the status became this one, by the server's clock.
    since: datetime | None = None
    message: str | None = None
    observed_at: datetime | None = None
    reported_at: datetime | None = None

    @property
    def is_reported(self) -> bool:
        """Return whether there is a report."""
        return self.reported_at is not None


def checked_health_message(message: str | None) -> str | None:
    """Return a report's message, at most 25,000 characters; None for a blank one.

    Raises:
        InvalidInputError: it is too long.
    """
    return None if message is None or not message.strip() else checked_message(message)
