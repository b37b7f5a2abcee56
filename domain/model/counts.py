"""Counts of incidents, as a whole or in groups of those that have something in common."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from domain.errors import ForbiddenError, InvalidInputError
from domain.model.actor import Actor
from domain.model.change import Change
from domain.model.filters import BY_PEOPLE, UNRECORDED, Filter, fields_of, matches, recorded_part
from domain.model.incident import Severity, Status
from domain.model.naming import NO_SYSTEMS, NamedSystems
from domain.model.viewer import Audience

#: The most groups of one answer, and the most points of all groups of a series.
MOST_ROWS = 1_000


class Grouping(StrEnum):
    """A property by which incidents are grouped."""

    SEVERITY = "severity"
    STATUS = "status"
    SYSTEM = "system"
    OPENED_BY = "opened_by"
    LABEL = "label"


#: What recorded states call these.
_RECORDED = {
    Grouping.SEVERITY: "severity",
    Grouping.STATUS: "status",
    Grouping.SYSTEM: "system_ids",
    Grouping.OPENED_BY: "opened_by",
    Grouping.LABEL: "labels",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupBy:
    """The properties by which incidents are grouped, each once; of labels those with a key, or all."""

    each: tuple[Grouping, ...] = ()
    label_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counting:
    """The request for counts that stay current: of the incidents that match, in groups."""

    tree: Filter
    by: GroupBy
    #: The systems that the tree names by key.
    named: NamedSystems = NO_SYSTEMS

    @property
    def recorded_tree(self) -> Filter:
        """A filter without what states do not have: whatever matches the request's matches this one, too."""
        return recorded_part(self.tree)

    @property
    def is_by_people(self) -> bool:
        """Return whether they depend on who the people of incidents are."""
        return Grouping.OPENED_BY in self.by.each or not BY_PEOPLE.isdisjoint(fields_of(self.tree))

    def may_differ(self, change: Change) -> bool:
        """Return whether a change of an incident may be one of the counts, as far as recorded states say."""
        if fields_of(self.tree) & UNRECORDED:
            return True
        return self._part(change.before) != self._part(change.after)

    def _part(self, state: Mapping[str, Any] | None) -> tuple[Any, ...] | None:
        """Return what says to which groups an incident belongs; None where it belongs to none."""
        if state is None or not matches(self.tree, state):
            return None
        return tuple(state.get(_RECORDED[grouping]) for grouping in self.by.each)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The common properties of some incidents; None where they are not grouped by it, or have none."""

    severity: Severity | None = None
    status: Status | None = None
    system_id: str | None = None
    opened_by: Actor | None = None
    label: tuple[str, str] | None = None

    def place(self, by: Sequence[Grouping]) -> tuple[Any, ...]:
        """Return the key for the order of groups: the worst and the furthest first, those without any last."""
        return tuple(_PLACES[grouping](self) for grouping in by)


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentCount:
    """A number of incidents that have something in common."""

    group: Group
    count: int


def checked_groupings(given: GroupBy, audience: Audience) -> GroupBy:
    """Return the groupings, each once.

    Raises:
        ForbiddenError: one of them shows what this audience may not see.
        InvalidInputError: it has a key of labels, but does not group by them.
    """
    if Grouping.OPENED_BY in given.each and not audience.sees_identities:
        raise ForbiddenError("Who opened incidents can be asked for by responders and admins.", field=["groupBy"])
    if given.label_key is not None and Grouping.LABEL not in given.each:
        raise InvalidInputError("`labelKey` is for a grouping by LABEL.", field=["labelKey"])
    return replace(given, each=tuple(dict.fromkeys(given.each)))


def in_order(counted: Sequence[IncidentCount], by: GroupBy) -> list[IncidentCount]:
    """Return counts in their order.

    Raises:
        InvalidInputError: there are more than 1,000 groups.
    """
    check_rows(len(counted))
    return sorted(counted, key=lambda each: each.group.place(by.each))


def check_rows(rows: int) -> None:
    """Check that an answer is not too long.

    Raises:
        InvalidInputError: it has more than 1,000 rows.
    """
    if rows > MOST_ROWS:
        raise InvalidInputError(
            f"This grouping gives more than {MOST_ROWS:,} rows. Group by less, or filter more.", field=["groupBy"]
        )


def _severity(group: Group) -> int:
    return -(group.severity.rank if group.severity else 0)


def _status(group: Group) -> int:
    return list(Status).index(group.status) if group.status else len(Status)


def _system(group: Group) -> tuple[bool, str]:
    return group.system_id is None, group.system_id or ""


def _opened_by(group: Group) -> tuple[str, str]:
    return (group.opened_by.type, group.opened_by.id) if group.opened_by else ("", "")


def _label(group: Group) -> tuple[bool, tuple[str, str]]:
    return group.label is None, group.label or ("", "")


_PLACES = {
    Grouping.SEVERITY: _severity,
    Grouping.STATUS: _status,
    Grouping.SYSTEM: _system,
    Grouping.OPENED_BY: _opened_by,
    Grouping.LABEL: _label,
}
