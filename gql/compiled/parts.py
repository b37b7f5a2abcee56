"""The parts of a plan: what an operation reads, and how its answer is put together from that."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from graphql import FieldNode, OperationDefinitionNode

from domain.model.selection import Field, Listed, Paged, Root, Selection
from domain.model.viewer import Viewer
from gql.compiled.fields import Asked
from gql.permissions import Needs


@dataclass(slots=True)
class Row:
    """The values of one row, gathered while what shows them is planned."""

    view: str
    columns: list[str] = field(default_factory=list)
    lists: list[Listed] = field(default_factory=list)

    def column(self, name: str) -> int:
        """Return the place of a column among the row's values."""
        if name not in self.columns:
            self.columns.append(name)
        return self.columns.index(name)

    def take(self, name: str) -> int:
        """Return the place of the next list, which is taken before those within it are."""
        self.lists.append(Listed(name=name, selection=Selection(view="", columns=())))
        return len(self.lists) - 1

    def selection(self) -> Selection:
        """Return all that was gathered."""
        return Selection(view=self.view, columns=tuple(self.columns), lists=tuple(self.lists))


@dataclass(frozen=True, slots=True)
class Constant:
    """A text that is the same in each answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Value:
    """A field of a row, from the columns at these places."""

    shown: Field
    places: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """An object within a row; of one that may be missing, `present` is the place of what is null then."""

    members: "Members"
    present: int | None = None


@dataclass(frozen=True, slots=True)
class Items:
    """A whole list of the row: the list of that number; or the one row in it, or null.

    An optional list may be null as a whole.
    """

    number: int
    row: Row
    members: "Members"
    is_single: bool = False
    is_optional: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """A connection to the root of that number, or to the row's list of that number."""

    number: int
    paged: Paged
    cursors: str
    row: Row
    members: "Members"
    #: Whether the name of its cursors has that of an order behind it where the page has one.
    is_ordered: bool = False


@dataclass(frozen=True, slots=True)
class Edges:
    """A connection's items, or its edges with the place of each."""

    members: "Members"


@dataclass(frozen=True, slots=True)
class Standing:
    """The columns that say where a row stands in its list; where that is ordered, the first one only if its page is."""

    columns: tuple[str, ...]
    is_ordered: bool = False


@dataclass(frozen=True, slots=True)
class Cursor:
    """The cursor of a row, from the columns that say where it stands; `name` is that of its list, if not the page's.

    In a list that is only ordered where the page says so, the first of them counts only then.
    """

    key: tuple[int, ...]
    name: str | None = None
    is_ordered: bool = False


@dataclass(frozen=True, slots=True)
class Fact:
    """One of the fields of PageInfo; of a cursor, the rest is as above."""

    name: str
    key: tuple[int, ...] = ()
    is_ordered: bool = False


@dataclass(frozen=True, slots=True)
class Total:
    """The number of all items of a connection."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """The object that the root of that number found; of several, the first value of each is its id."""

    number: int
    row: Row
    members: "Members"


@dataclass(frozen=True, slots=True)
class Found:
    """The one object that one of these found, or null."""

    alternatives: tuple[Alternative, ...]


@dataclass(frozen=True, slots=True)
class Several:
    """The objects that these found, in the order of the ids that were asked for, with null for each that none found."""

    alternatives: tuple[Alternative, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """The cursor of the log's last change, from what the root of that number found."""

    number: int


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller, from the values that the answer has of them."""

    row: Row
    members: "Members"


Member = Constant | Value | Part | Items | Page | Edges | Cursor | Fact | Total | Found | Several | Place | Caller
Members = Mapping[str, Member]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The reads of an operation, the arguments that they depend on, and the form of the answer."""

    operation: OperationDefinitionNode
    members: Members
    roots: Sequence[Root]
    #: The fields of roots, and those of pages in the order of their places.
    root_fields: Sequence[Asked]
    page_fields: Sequence[Asked]
    #: The permissions without which the generic path refuses some of it.
    needs: Sequence[type[Needs]]

    def is_allowed(self, viewer: Viewer) -> bool:
        """Return whether the caller has these permissions."""
        return all(permission.allows(viewer) for permission in self.needs)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPlan(Plan):
    """The reads of an event of the log: values of its row, and behind them one list for each root."""

    view: str
    columns: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PayloadPlan(Plan):
    """The reads of a mutation's payload: its members are those of the payload that show rows."""

    #: The response key of the mutation, and its field.
    key: str
    field: FieldNode
    #: The names that the payload has its rows under, in the order of the roots.
    names: Sequence[str]
    #: The fields of the payload that show no row.
    others: Sequence[FieldNode]
    #: All response keys of the payload.
    order: Sequence[str]
    #: All response keys of the answer, each with the name of the root's type, which those show that are not `key`.
    answer: Mapping[str, str]
