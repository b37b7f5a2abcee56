"""Live lists: the first items of a list in its order, kept up to date by changes, and the edits between two states."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import total_ordering
from typing import Any

from typing_extensions import override

from domain.model.change import Change
from domain.model.filters import UNRECORDED, Filter, fields_of, matches, recorded_part
from domain.model.incident import Severity
from domain.model.paging import Order
from domain.model.positions import placed


class ListAction(StrEnum):
    """The effect of an edit on a list."""

    PUT = "put"
    MOVE = "move"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Edit:
    """One step from a list to the next: indices are those at that step."""

    action: ListAction
    id: str
    #: Where the item is afterwards; None where it is removed.
    index: int | None
    #: Where it was before; None where it is new in the list.
    previous_index: int | None


@total_ordering
class _Downward:
    """A value whose order is reversed."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    @override
    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Downward) and bool(self.value == other.value)

    def __lt__(self, other: "_Downward") -> bool:
        return bool(other.value < self.value)

    @override
    def __hash__(self) -> int:
        return hash(self.value)


Place = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """An item of a list: its id, its version, and where it stands among others."""

    id: str
    version: int
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The request for a live list: the first `size` of the items that match, in an order."""

    tree: Filter
    order: Order
    size: int

    @property
    def order_fields(self) -> tuple[str, ...]:
        """The fields of an item that say where it stands."""
        return tuple(dict.fromkeys(field for field, _ in self.order.keys))

    @property
    def is_recorded(self) -> bool:
        """Return whether recorded states say by themselves what belongs to the list."""
        return not fields_of(self.tree) & UNRECORDED

    @property
    def recorded_tree(self) -> Filter:
        """A filter without what states do not have: whatever matches the list's matches this one, too."""
        return recorded_part(self.tree)

    def entry(self, entity_id: str, version: int, facts: Mapping[str, Any]) -> Entry:
        """Return the entry of an item by its recorded state, or by the same columns of its row."""
        keys = [*((_comparable(field, facts[field]), down) for field, down in self.order.keys)]
        keys.append((entity_id, keys[-1][1]))
        return Entry(entity_id, version, tuple(_Downward(value) if down else value for value, down in keys))


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The first items of a list as of a position of the log, and the number of all of them."""

    position: int
    entries: tuple[Entry, ...] = ()
    total: int = 0

    @property
    def below(self) -> int:
        """The number of items behind those that are known."""
        return self.total - len(self.entries)

    def after(self, change: Change, listing: Listing) -> "Window | None":
        """Return the list after the next change of an item; None where only the database knows it."""
        if not listing.is_recorded:
            return None
        was, now = _states(change, listing)
        entries = [entry for entry in self.entries if entry.id != change.entity_id]
        total = self.total + (now is not None) - was
        rest = total - len(entries) - (now is not None)
        if now is not None:
            is_within = not rest or bool(entries and now.place < entries[-1].place)
            if is_within:
                entries.insert(bisect_left([entry.place for entry in entries], now.place), now)
        if len(entries) < min(listing.size, total):
            return None  # items from below have to be found
        return Window(position=change.seq, entries=tuple(entries[: listing.size]), total=total)

    def cut(self, size: int) -> "Window":
        """Return the same list with so many items at most."""
        return replace(self, entries=self.entries[:size])

    def before(self, changes: Sequence[Change], listing: Listing, *, position: int) -> "Window | None":
        """Return the list as it was before these changes, which are all since that position; None where unknown.

        To know it, more entries are needed than the list has items: as many more as items changed.
        """
        if not listing.is_recorded:
            return None if changes else replace(self, position=position).cut(listing.size)
        firsts: dict[str, Change] = {}
        total = self.total
        for change in changes:
            firsts.setdefault(change.entity_id, change)
            was, now = _states(change, listing)
            total += was - (now is not None)
        same = [entry for entry in self.entries if entry.id not in firsts]
        if len(same) < listing.size and self.below > 0:
            return None
        former = [
            listing.entry(identifier, first.version - 1, first.before)
            for identifier, first in firsts.items()
            if first.before is not None and matches(listing.tree, first.before)
        ]
        entries = sorted([*same, *former], key=lambda entry: entry.place)
        return Window(position=position, entries=tuple(entries[: listing.size]), total=total)


def edits_between(former: Sequence[Entry], following: Sequence[Entry]) -> list[Edit]:
    """Return the edits that make one list of the other, to be applied one after the other.

    Items that have the same version on both sides keep their order, so that only the others have to be put anywhere.
    """
    kept = {entry.id for entry in following}
    versions = {entry.id: entry.version for entry in former}
    now = [entry.id for entry in former]
    edits: list[Edit] = []
    for identifier in [identifier for identifier in now if identifier not in kept]:
        at = now.index(identifier)
        del now[at]
        edits.append(Edit(ListAction.REMOVE, identifier, None, at))
    preceding: str | None = None
    for entry in following:
        if versions.get(entry.id) != entry.version:
            edits.append(_put(now, entry.id, preceding))
        preceding = entry.id
    return edits


def all_put(entries: Iterable[Entry]) -> list[Edit]:
    """Return the edits that make the list of an empty one."""
    return [Edit(ListAction.PUT, entry.id, index, None) for index, entry in enumerate(entries)]


def _put(now: list[str], identifier: str, preceding: str | None) -> Edit:
    """Put an item right behind the one that precedes it, which stands in its place already."""
    previous = now.index(identifier) if identifier in now else None
    if previous is not None:
        del now[previous]
    index = 0 if preceding is None else now.index(preceding) + 1
    now.insert(index, identifier)
    moves = previous is not None and previous != index
    return Edit(ListAction.MOVE if moves else ListAction.PUT, identifier, index, previous)


def _states(change: Change, listing: Listing) -> tuple[bool, Entry | None]:
    """Return whether the item belonged to the list before a change, and its entry where it does afterwards."""
    was = change.before is not None and matches(listing.tree, change.before)
    if change.after is None or not matches(listing.tree, change.after):
        return was, None
    return was, listing.entry(change.entity_id, change.version, change.after)


def _comparable(field: str, value: Any) -> Any:
    if field == "severity" and not isinstance(value, int):
        return Severity(value).rank
    return placed(field, value)
