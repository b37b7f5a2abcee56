"""The parts of the data that an operation reads, as plain values: no SQL in them, and no GraphQL."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from domain.model.change import ChangeAction
from domain.model.filters import EVERYTHING, Filter
from domain.model.paging import Order, PageRequest
from domain.model.system import ALL_SYSTEMS, CatalogFilter
from domain.model.viewer import Audience

#: The column that the rows of a root are in the order of, whichever that is, as cursors have it.
ORDER_KEY = ":order"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a view: the columns that it needs, and how their values become the value that is shown.

    A column alone is shown as it is. `names` has the name that is shown for its value, or for those of several columns;
    all others are handed to what `make` returns.
    """

    columns: tuple[str, ...]
    names: Mapping[Any, Any] | None = None
    make: Callable[[Audience], Callable[..., Any]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """All that can be selected of a view, by name."""

    fields: Mapping[str, Field]
    #: Objects within a row, whose columns and lists have the name of the part as a prefix.
    parts: Mapping[str, "Shape"] = field(default_factory=dict)
    #: Lists of other rows that belong to a row, and the names of their views.
    lists: Mapping[str, str] = field(default_factory=dict)
    #: The columns that say where a row stands in a list of that name, and in the root list under the empty name.
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    #: Of a part that may be missing: the column that is null then.
    present: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Columns of a view's rows, and lists that belong to each of them."""

    view: str
    columns: tuple[str, ...]
    lists: tuple["Listed", ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Paged:
    """One page of a list: `place` is its own among all pages that are asked for.

    What is found is a list of rows, with one more than the page has where it `peeks`; the number of all rows where they
    are only `counted`; or a pair of both.
    """

    place: int
    is_read: bool = True
    peeks: bool = True
    counted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One list that belongs to a row, or a page of it."""

    name: str
    selection: Selection
    page: Paged | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """Rows that are read for their own sake: a page of all of them, or those with a key where `page` is None."""

    selection: Selection
    page: Paged | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOf:
    """The row whose column of that name has that value."""

    by: str
    value: Any


#: The only row of the view `log`.
LOG = OneOf(by="name", value="log_floor")


@dataclass(frozen=True, slots=True, kw_only=True)
class SomeOf:
    """The rows with these ids, in no order."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NoneOf:
    """No row: what is asked for is of another kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """The changes of the log that are wanted: of these actions, or only those that fired one of these events."""

    actions: tuple[ChangeAction, ...] | None = None
    events: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AllOf:
    """The rows that match, in an order."""

    order: Order
    tree: Filter = EVERYTHING
    #: Of rows of the log.
    logged: Logged | None = None
    #: Of systems.
    catalog: CatalogFilter = ALL_SYSTEMS


Rows = OneOf | SomeOf | NoneOf | AllOf


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The values that one reading of roots is about: which rows of each, and every page in its place."""

    rows: Sequence[Rows]
    pages: Sequence[PageRequest]
