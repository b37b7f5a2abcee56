"""Live lists: the first items of a list in its order, kept up to date by changes, and the edits between two states."""

from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import total_ordering
from typing import Any

from typing_extensions import override

from domain.model.change import Change
from domain.model.incident import Severity
from domain.model.paging import Order
from domain.model.positions import placed
from domain.model.selection import AllOf, Listed


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
    #: Another one after each change of the item; None where only the database knows it.
    version: Hashable | None
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One item before and after a change."""

    id: str
    #: Whether it belonged to the list before.
    was: bool
    #: Its entry where it belongs to the list afterwards.
    now: Entry | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """One item before and after several changes."""

    #: Its entry where it belonged to the list before; the version is one that no item has now.
    was: Entry | None
    #: Whether it belongs to the list afterwards.
    is_now: bool


#: Values of an item by name, as recorded states have them.
Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing(ABC):
    """The request for a live list: the first `size` of the items that match, in an order.

    Each kind of item has a class, which says what changes of the log do to its items, as far as that can be known
    without the database.
    """

    order: Order
    size: int

    @property
    @abstractmethod
    def kind(self) -> str:
        """The kind of the items, which is the name of their view."""

    @property
    @abstractmethod
    def logged(self) -> tuple[str, ...]:
        """The kinds of changes that may be about items."""

    @property
    @abstractmethod
    def rows(self) -> AllOf:
        """The rows of all items in their order."""

    @property
    @abstractmethod
    def columns(self) -> tuple[str, ...]:
        """The columns of an item's row that its entry is made of: its id, and others."""

    @property
    def lists(self) -> tuple[Listed, ...]:
        """The lists of an item's row that its entry is made of, too."""
        return ()

    @property
    def facts(self) -> tuple[str, ...]:
        """The columns of an item's row that is read besides the list: its id, and facts of it."""
        return ("id",)

    @property
    def order_fields(self) -> tuple[str, ...]:
        """The fields of an item that say where it stands."""
        return tuple(dict.fromkeys(field for field, _ in self.order.keys))

    @abstractmethod
    def read(self, values: Sequence[Any]) -> Entry:
        """Return the entry of an item by the values of these columns and lists."""

    def entries(self, rows: Iterable[Sequence[Any]]) -> tuple[Entry, ...]:
        """Return the entries of the rows of a list, in its order."""
        return tuple(map(self.read, rows))

    @abstractmethod
    def concerned(self, change: Change) -> Collection[str]:
        """Return the ids of the items that a change may do something to."""

    @abstractmethod
    def steps(self, change: Change, known: Mapping[str, Entry]) -> Sequence[Step] | None:
        """Return what a change does to items, of which those shown are known; None where only the database knows it.

        Of others it leaves out those that belong to the list before and afterwards, and stand where they stood.
        """

    def departed(self, changes: Sequence[Change]) -> Collection[str]:  # noqa: ARG002 - most kinds record enough
        """Return the ids of items that are to be read besides the list, so that it is known what it was before."""
        return ()

    @abstractmethod
    def pasts(
        self, changes: Sequence[Change], known: Mapping[str, Entry], departed: Mapping[str, Facts]
    ) -> Mapping[str, Past] | None:
        """Return what all changes since a place of the log did to items; None where that is unknown.

        Known are the items that the list shows afterwards, and facts of departed ones.
        """

    def place(self, entity_id: str, facts: Facts) -> Place:
        """Return where an item stands, by its recorded state, or by the same columns of its row."""
        keys = [*((_comparable(field, facts[field]), down) for field, down in self.order.keys)]
        keys.append((entity_id, keys[-1][1]))
        return tuple(_Downward(value) if down else value for value, down in keys)


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
        """Return the list after the next change; None where only the database knows it."""
        known = {entry.id: entry for entry in self.entries}
        steps = listing.steps(change, known)
        window: Window | None = self
        for step in steps or ():
            window = window.stepped(step, known.get(step.id), listing.size) if window is not None else None
        return None if window is None or steps is None else replace(window, position=change.seq)

    def stepped(self, step: Step, former: Entry | None, size: int) -> "Window | None":
        """Return the list after what a change does to one item; None where only the database knows it."""
        entries, now = [entry for entry in self.entries if entry.id != step.id], step.now
        total = self.total + (now is not None) - step.was
        rest = total - len(entries) - (now is not None)
        if now is not None:
            stays = former is not None and not former.place < now.place
            if stays or not rest or (entries and now.place < entries[-1].place):
                if now.version is None:
                    return None
                entries.insert(bisect_left([entry.place for entry in entries], now.place), now)
        if len(entries) < min(size, total):
            return None  # items from below have to be found
        return replace(self, entries=tuple(entries[:size]), total=total)

    def cut(self, size: int) -> "Window":
        """Return the same list with so many items at most."""
        return replace(self, entries=self.entries[:size])

    def before(
        self, changes: Sequence[Change], listing: Listing, *, position: int, departed: Mapping[str, Facts]
    ) -> "Window | None":
        """Return the list as it was before these changes, which are all since that position; None where unknown.

        To know it, more entries are needed than the list has items: as many more as items changed.
        """
        pasts = listing.pasts(changes, {entry.id: entry for entry in self.entries}, departed)
        if pasts is None:
            return None
        same = [entry for entry in self.entries if entry.id not in pasts]
        if len(same) < listing.size and self.below > 0:
            return None
        former = [past.was for past in pasts.values() if past.was is not None]
        total = self.total + len(former) - sum(past.is_now for past in pasts.values())
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


def _comparable(field: str, value: Any) -> Any:
    if field == "severity" and not isinstance(value, int):
        return Severity(value).rank
    return placed(field, value)
