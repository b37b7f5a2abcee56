"""Relay connections over keyset pages; their cursors are signed and bound to the list and its order."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Protocol, TypeVar

import strawberry
from strawberry.types.unset import UnsetType

from domain.model.cursor import CursorCodec
from domain.model.paging import Page, PageRequest, page_size

M = TypeVar("M")
N = TypeVar("N")
T = TypeVar("T")


class _Identified(Protocol):
    @property
    def id(self) -> str: ...


IdentifiedT = TypeVar("IdentifiedT", bound=_Identified)

First = Annotated[
    int | None, strawberry.argument(description="The number of items from the start: 1 to 100, by default 25.")
]
After = Annotated[str | None, strawberry.argument(description="Only items after this cursor.")]
Last = Annotated[int | None, strawberry.argument(description="The number of items from the end: 1 to 100.")]
Before = Annotated[str | None, strawberry.argument(description="Only items before this cursor.")]


@strawberry.type(description="The position of a page in its list.")
class PageInfo:
    has_next_page: bool = strawberry.field(description="Whether there are items after this page.")
    has_previous_page: bool = strawberry.field(description="Whether there are items before this page.")
    start_cursor: str | None = strawberry.field(description="The cursor of the first item.")
    end_cursor: str | None = strawberry.field(description="The cursor of the last item.")


@strawberry.type(description="An item with its cursor.")
class Edge(Generic[N]):
    node: N = strawberry.field(description="The item.")
    cursor: str = strawberry.field(description="Its opaque position in the list.")


@strawberry.type(description="One page of a list.")
class Connection(Generic[N]):
    edges: list[Edge[N]] = strawberry.field(description="The items with their cursors.")
    nodes: list[N] = strawberry.field(description="The items without their cursors.")
    page_info: PageInfo = strawberry.field(description="The position of the page in the list.")
    count: strawberry.Private[Callable[[], Awaitable[int | None]]]

    @strawberry.field(description="The number of items in the whole list; counted only when selected.")
    async def total_count(self) -> int:
        return await self.count() or 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PageArguments:
    """The paging arguments of a connection, as the schema delivers them."""

    first: int | UnsetType | None
    after: str | UnsetType | None
    last: int | UnsetType | None
    before: str | UnsetType | None

    def request(self, cursors: CursorCodec, name: str) -> PageRequest:
        """Return the requested page of the list of that name.

        Raises:
            InvalidInputError: `first` or `last` is out of range, or both are given.
            InvalidCursorError: a cursor belongs to another list.
        """
        size, backward = page_size(first=_given(self.first), last=_given(self.last))
        after, before = _given(self.after), _given(self.before)
        return PageRequest(
            size=size,
            backward=backward,
            after=None if after is None else _position(cursors.decode(name, after, field="after")),
            before=None if before is None else _position(cursors.decode(name, before, field="before")),
        )


def connection(
    page: Page[M],
    *,
    to_node: Callable[[M], N],
    cursor: Callable[[M], str],
    count: Callable[[], Awaitable[int | None]],
) -> Connection[N]:
    """Return the connection that shows a page."""
    edges = [Edge(node=to_node(item), cursor=cursor(item)) for item in page.items]
    info = PageInfo(
        has_next_page=page.has_next,
        has_previous_page=page.has_previous,
        start_cursor=edges[0].cursor if edges else None,
        end_cursor=edges[-1].cursor if edges else None,
    )
    return Connection(edges=edges, nodes=[edge.node for edge in edges], page_info=info, count=count)


async def connection_by_id(
    arguments: PageArguments,
    cursors: CursorCodec,
    name: str,
    read: Callable[[PageRequest], Awaitable[Page[IdentifiedT]]],
    *,
    to_node: Callable[[IdentifiedT], N],
    count: Callable[[], Awaitable[int | None]],
) -> Connection[N]:
    """Return the requested page of the list of that name, which is in the order of its ids.

    Raises:
        InvalidInputError: `first` or `last` is out of range, or both are given.
        InvalidCursorError: a cursor belongs to another list.
    """
    return connection(
        await read(arguments.request(cursors, name)),
        to_node=to_node,
        cursor=cursor_maker(cursors, name, lambda item: (item.id,)),
        count=count,
    )


def cursor_maker(cursors: CursorCodec, name: str, position: Callable[[M], Sequence[Any]]) -> Callable[[M], str]:
    """Return a function from an item to its cursor in the list of that name."""
    return lambda item: cursors.encode(name, position(item))


def _position(values: Sequence[Any]) -> tuple[Any, ...]:
    """Return a position that has a hash: loaders know pages by it."""
    return tuple(tuple(value) if isinstance(value, list) else value for value in values)


def _given(value: T | UnsetType | None) -> T | None:
    return None if isinstance(value, UnsetType) else value
