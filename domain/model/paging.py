"""Pages of long lists by keyset: positions are values, never offsets."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from domain.errors import InvalidInputError
from domain.model.filters import EVERYTHING, Filter

DEFAULT_SIZE = 25
LARGEST_SIZE = 100
T = TypeVar("T")
#: The names of columns, each with the values of which an item has one.
Among = tuple[tuple[str, tuple[Any, ...]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A list's order by one field and then by others; the id breaks ties, in the direction of the last one."""

    field: str
    descending: bool = True
    then: "Order | None" = None

    @property
    def keys(self) -> tuple[tuple[str, bool], ...]:
        """The fields, each with whether it descends."""
        return ((self.field, self.descending), *(self.then.keys if self.then is not None else ()))

    @property
    def name(self) -> str:
        """The name that cursors of this order are bound to."""
        return ",".join(f"{field}:{'desc' if descending else 'asc'}" for field, descending in self.keys)


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """A request for up to `size` items after or before a position, from the front or from the back."""

    size: int = DEFAULT_SIZE
    backward: bool = False
    after: tuple[Any, ...] | None = None
    before: tuple[Any, ...] | None = None
    #: For selections: only items that have one of these values in each of these columns.
    among: Among = ()
    #: Of a list that belongs to something and can be asked for like one of its own: which items it has, and their
    #: order, where that is not the list's usual one.
    tree: Filter = EVERYTHING
    order: Order | None = None

    def cut(self, items: Sequence[T]) -> "Page[T]":
        """Return the page out of up to size + 1 items that were read in its direction."""
        has_more = len(items) > self.size
        kept = list(items[: self.size])
        if self.backward:
            return Page(items=kept[::-1], has_next=self.before is not None, has_previous=has_more)
        return Page(items=kept, has_next=has_more, has_previous=self.after is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """Items in the list's order, with flags for more items on either side."""

    items: Sequence[T]
    has_next: bool
    has_previous: bool


def page_size(*, first: int | None, last: int | None) -> tuple[int, bool]:
    """Return the number of items requested, and whether they are counted from the back.

    Raises:
        InvalidInputError: both were given, or one is not between 1 and 100.
    """
    if first is not None and last is not None:
        raise InvalidInputError("Ask for `first` or `last`, not for both.", field=["first"])
    name = "first" if last is None else "last"
    size = last if last is not None else DEFAULT_SIZE if first is None else first
    if not 1 <= size <= LARGEST_SIZE:
        raise InvalidInputError(f"`{name}` must lie between 1 and {LARGEST_SIZE}, not {size}.", field=[name])
    return size, last is not None
