"""The effects of changes on the health of systems: what incidents set for them, and what was reported."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from domain.model.change import Change
from domain.model.incident import Health, HealthOverride, Status
from domain.model.moment import parse_iso

Picture = Mapping[str, Any]
_REPORTS, _INCIDENTS = "health", "incident"


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideEffect:
    """The effect of a change of an incident: systems for which its override begins or ends to be set, and times."""

    incident_id: str
    at: datetime
    #: Whether what begins counts from the incident's beginning, and not from the change on.
    is_new: bool
    is_gone: bool
    begins: tuple[tuple[str, HealthOverride], ...]
    ends: tuple[str, ...]
    occurred_at: datetime
    #: None while it is open.
    resolved_at: datetime | None
    is_moved: bool
    is_lifted: bool
    #: The systems for which it sets another health than before the change.
    systems: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportEffect:
    """The effect of a report of health that is not the same as the one before."""

    system_id: str
    at: datetime
    observed_at: datetime
    status: Health
    is_first: bool
    is_other: bool

    @property
    def systems(self) -> tuple[str, ...]:
        """The systems whose health it may change."""
        return (self.system_id,)


Effect = OverrideEffect | ReportEffect


@dataclass(frozen=True, slots=True)
class _Setting:
    """The part of an incident's state that counts for health."""

    overrides: Mapping[str, HealthOverride]
    is_open: bool
    occurred_at: datetime | None
    resolved_at: datetime | None

    @classmethod
    def of(cls, picture: Picture | None) -> Self:
        if picture is None:
            return cls({}, is_open=False, occurred_at=None, resolved_at=None)
        override = _override_of(picture.get("health_override"))
        return cls(
            dict.fromkeys(picture["system_ids"], override) if override is not None else {},
            is_open=picture["status"] != Status.RESOLVED,
            occurred_at=parse_iso(picture["occurred_at"]),
            resolved_at=parse_iso(picture["resolved_at"]) if picture["resolved_at"] else None,
        )

    @property
    def set_now(self) -> Mapping[str, HealthOverride]:
        return self.overrides if self.is_open else {}


def effect_of(change: Change) -> Effect | None:
    """Return the effect of a change; None where it has none on the health of any system."""
    if change.kind == _REPORTS:
        return _of_report(change)
    return _of_incident(change) if change.kind == _INCIDENTS else None


def _of_report(change: Change) -> ReportEffect | None:
    if change.after is None:
        return None
    return ReportEffect(
        system_id=change.entity_id,
        at=change.occurred_at,
        observed_at=parse_iso(change.after["observed_at"]),
        status=_health_of(change.after["status"]),
        is_first=change.prev is None,
        is_other="status" in change.changed_fields,
    )


def _of_incident(change: Change) -> OverrideEffect | None:
    pictures = [each for each in (change.before, change.after) if each is not None]
    has_override = any(each.get("health_override") is not None for each in pictures)
    if not has_override and len({each["occurred_at"] for each in pictures}) == 1:
        return None
    before, after = _Setting.of(change.before), _Setting.of(change.after)
    is_moved = change.before is not None and after.occurred_at not in (None, before.occurred_at)
    if not before.overrides and not after.overrides and not is_moved:
        return None
    begins = tuple((each, set_) for each, set_ in after.overrides.items() if before.overrides.get(each) != set_)
    return OverrideEffect(
        incident_id=change.entity_id,
        at=change.occurred_at,
        is_new=change.before is None,
        is_gone=change.after is None,
        begins=begins,
        ends=tuple(each for each, was in before.overrides.items() if after.overrides.get(each) != was),
        occurred_at=after.occurred_at or change.occurred_at,
        resolved_at=after.resolved_at,
        is_moved=is_moved,
        is_lifted=bool(after.overrides) and before.resolved_at != after.resolved_at,
        systems=tuple(
            sorted(
                each
                for each in {*before.overrides, *after.overrides}
                if before.set_now.get(each) != after.set_now.get(each)
            )
        ),
    )


def _override_of(value: Any) -> HealthOverride | None:
    # A run's secret may be such a word, which the log then masks.
    return HealthOverride(value) if value in set(HealthOverride) else None


def _health_of(value: Any) -> Health:
    return Health(value) if value in set(Health) else Health.HEALTHY
