"""Declarations of what fields read, in their metadata; the compiled path follows them.

A field without a resolver needs no declaration: it shows the field of its view that has its name. So do those that are
declared as `SHOWN`, whose resolvers compute what their view computes.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from domain.model.cursor import LOG
from domain.model.filters import Filter
from domain.model.paging import Among, Order
from domain.model.selection import AllOf, Field, Rows
from domain.model.viewer import Audience

_KEY, _CHECK = "reads", "check"
#: From the arguments of a root field, and the view in question where it may find objects of several kinds, to the rows
#: that it is about; None where the generic path has to read them. It raises what the resolver would.
Choose = Callable[[Mapping[str, Any], Audience, str], Rows | None]
#: From the arguments of a connection to the values that its items have in some columns. It raises as above.
Pick = Callable[[Mapping[str, Any]], Among]
#: A filter, and an order where it is not the usual one.
Matched = tuple[Filter, Order | None]
#: From the arguments of a connection to what its items match, and their order; None where the generic path has to read
#: them. It raises as above.
Match = Callable[[Mapping[str, Any], Audience], Matched | None]

#: From a field's arguments and the present moment. It raises what the resolver would, before a mutation writes.
Check = Callable[[Mapping[str, Any], datetime], object]


class Kind(Enum):
    """The kinds of reads that a field may stand for."""

    SHOWN = "a field of the view"
    PLACE = "the row's place in the log, or that of the last row"
    LIST = "a whole list of the row, or the one row in it"
    PAGES = "a page of a list of the row"
    ONE = "one row"
    SOME = "rows by their ids"
    ALL = "a page of all rows"
    CALLER = "the caller"


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """The read that a field stands for, and the name that its cursors are bound to."""

    kind: Kind
    cursors: str = ""
    #: Whether the order is one of several, whose name stands behind that of the cursors.
    is_ordered: bool = False
    choose: Choose | None = None
    pick: Pick | None = None
    match: Match | None = None
    #: Of a root that may find objects of several kinds: the views of those that are found here.
    views: frozenset[str] = frozenset()
    #: What the field is made of, where that is not in the view.
    made: Field | None = None
    #: The argument, an enum, that says which field of the view is shown: its value stands behind the name.
    variant: str | None = None


def _metadata(declaration: Declaration) -> dict[str, Declaration]:
    return {_KEY: declaration}


#: The metadata of a field whose resolver shows what its view computes.
SHOWN = _metadata(Declaration(kind=Kind.SHOWN))
#: The metadata of a field with the cursor of the row's place in the log.
PLACE = _metadata(Declaration(kind=Kind.PLACE))
#: The metadata of a field with the whole list of that name, or with the one row in it.
LIST = _metadata(Declaration(kind=Kind.LIST))


#: The metadata of a root field with the caller.
CALLER = _metadata(Declaration(kind=Kind.CALLER))


def made_by(make: Callable[..., Any], *names: str) -> Callable[[Any], Any]:
    """Return the resolver of a field that a function makes of other members of its object; it is its declaration, too.

    Their values have to be the same in JSON: texts, numbers and booleans.
    """

    def resolve(root: Any) -> Any:
        return make(*[getattr(root, name) for name in names])

    vars(resolve)[_KEY] = Declaration(kind=Kind.SHOWN, made=Field(names, make=lambda _: make))
    return resolve


def shown_by(argument: str) -> dict[str, Declaration]:
    """Return the metadata of a field that shows one of several fields of the view, as its argument says."""
    return _metadata(Declaration(kind=Kind.SHOWN, variant=argument))


def pages(cursors: str, pick: Pick | None = None, match: Match | None = None) -> dict[str, Declaration]:
    """Return the metadata of a connection to the list of the field's name, with cursors of that name.

    Where it can be ordered, they have that of the order behind it.
    """
    return _metadata(Declaration(kind=Kind.PAGES, cursors=cursors, pick=pick, match=match))


def one(choose: Choose, views: Iterable[str] = ()) -> dict[str, Declaration]:
    """Return the metadata of a root field that finds one row, of any of these views if there are several."""
    return _metadata(Declaration(kind=Kind.ONE, choose=choose, views=frozenset(views)))


def some(choose: Choose, views: Iterable[str]) -> dict[str, Declaration]:
    """Return the metadata of a root field that finds rows by their ids, and null for each that is missing."""
    return _metadata(Declaration(kind=Kind.SOME, choose=choose, views=frozenset(views)))


def all_in_order(cursors: str, choose: Choose) -> dict[str, Declaration]:
    """Return the metadata of a root connection, whose cursors have that name and the order's behind it."""
    return _metadata(Declaration(kind=Kind.ALL, cursors=cursors, is_ordered=True, choose=choose))


def all_by_id(cursors: str, pick: Pick | None = None, *, descending: bool) -> dict[str, Declaration]:
    """Return the metadata of a root connection in the order of ids, whose cursors have that name."""
    rows = AllOf(order=Order(field="id", descending=descending))
    return _metadata(Declaration(kind=Kind.ALL, cursors=cursors, choose=lambda *_: rows, pick=pick))


def place(choose: Choose) -> dict[str, Declaration]:
    """Return the metadata of a root field with the cursor of the log's last change."""
    return _metadata(Declaration(kind=Kind.PLACE, choose=choose))


def log_in_order(choose: Choose) -> dict[str, Declaration]:
    """Return the metadata of a root connection to the log, in the order of its places."""
    return _metadata(Declaration(kind=Kind.ALL, cursors=LOG, choose=choose))


def checked_by(check: Check) -> dict[str, Check]:
    """Return the metadata of a field whose arguments can be refused without reading anything."""
    return {_CHECK: check}


def check_in(metadata: Mapping[Any, Any]) -> Check | None:
    """Return the check in a field's metadata."""
    found: Check | None = metadata.get(_CHECK)
    return found


def cursor_name(cursors: str, order: Order | None) -> str:
    """Return the name that cursors of a connection are bound to whose order is one of several, or the usual one."""
    return cursors if order is None else f"{cursors}:{order.name}"


def declared(metadata: Mapping[Any, Any], resolver: Callable[..., Any] | None) -> Declaration | None:
    """Return the declaration in a field's metadata, or that of its resolver."""
    found = metadata.get(_KEY) or getattr(resolver, _KEY, None)
    return found if isinstance(found, Declaration) else None
