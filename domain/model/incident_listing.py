"""Live lists of incidents: recorded states say what belongs to them, and where."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from typing_extensions import override

from domain.model.change import Change
from domain.model.filters import BY_PEOPLE, UNRECORDED, Filter, fields_of, matches, recorded_part
from domain.model.listing import Entry, Facts, Listing, Past, Step
from domain.model.naming import NO_SYSTEMS, NamedSystems
from domain.model.selection import AllOf

_KIND = "incident"


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentListing(Listing):
    """The request for a live list of incidents that match a filter."""

    tree: Filter
    #: The systems that the tree names by key.
    named: NamedSystems = NO_SYSTEMS

    @property
    @override
    def kind(self) -> str:
        """The name of their view."""
        return _KIND

    @property
    @override
    def logged(self) -> tuple[str, ...]:
        """Only changes of incidents."""
        return (_KIND,)

    @property
    @override
    def rows(self) -> AllOf:
        """The rows of all incidents that match."""
        return AllOf(order=self.order, tree=self.tree)

    @property
    @override
    def columns(self) -> tuple[str, ...]:
        """The columns of an entry."""
        return ("id", "version", *self.order_fields)

    @property
    def is_recorded(self) -> bool:
        """Return whether recorded states say by themselves what belongs to the list."""
        return not fields_of(self.tree) & UNRECORDED

    @property
    def is_by_people(self) -> bool:
        """Return whether it depends on who the people of incidents are."""
        return not BY_PEOPLE.isdisjoint(fields_of(self.tree))

    @property
    def recorded_tree(self) -> Filter:
        """A filter without what states do not have: whatever matches the list's matches this one, too."""
        return recorded_part(self.tree)

    @override
    def read(self, values: Sequence[object]) -> Entry:
        """Return the entry of a row."""
        identifier, version, *placed = values
        return self._entry(str(identifier), version, dict(zip(self.order_fields, placed, strict=True)))

    @override
    def concerned(self, change: Change) -> Collection[str]:
        """Return the incident that a change is of."""
        return (change.entity_id,)

    @override
    def steps(self, change: Change, known: Mapping[str, Entry]) -> Sequence[Step] | None:
        """Return what a change does to its incident; None where the filter has what states do not have."""
        if not self.is_recorded:
            return None
        now = self._recorded(change.entity_id, change.version, change.after)
        return [Step(id=change.entity_id, was=self._has(change.before), now=now)]

    @override
    def pasts(
        self, changes: Sequence[Change], known: Mapping[str, Entry], departed: Mapping[str, Facts]
    ) -> Mapping[str, Past] | None:
        """Return each incident by its state before its first change, and whether that after its last one belongs."""
        if not self.is_recorded:
            return None if changes else {}
        firsts: dict[str, Change] = {}
        for change in changes:
            firsts.setdefault(change.entity_id, change)
        lasts = {change.entity_id: change for change in changes}
        return {
            identifier: Past(
                was=self._recorded(identifier, first.version - 1, first.before),
                is_now=self._has(lasts[identifier].after),
            )
            for identifier, first in firsts.items()
        }

    def _has(self, state: Facts | None) -> bool:
        return state is not None and matches(self.tree, state)

    def _recorded(self, identifier: str, version: int, state: Facts | None) -> Entry | None:
        return self._entry(identifier, version, state) if state is not None and self._has(state) else None

    def _entry(self, identifier: str, version: object, facts: Facts) -> Entry:
        return Entry(identifier, version, self.place(identifier, facts))
