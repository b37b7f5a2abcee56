"""Walks through lists, page by page."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from domain.model.paging import Page, PageRequest

T = TypeVar("T")
Read = Callable[[PageRequest], Awaitable[Page[T]]]
Position = Callable[[T], tuple[Any, ...]]


async def walk(read: Read[T], position: Position[T], *, size: int, backward: bool) -> list[T]:
    """Return all items of a list, page by page, in the list's order."""
    pages: list[Sequence[T]] = []
    edge: tuple[Any, ...] | None = None
    while True:
        page = await read(
            PageRequest(size=size, backward=True, before=edge) if backward else PageRequest(size=size, after=edge)
        )
        assert len(page.items) <= size
        pages.append(page.items)
        if not (page.has_previous if backward else page.has_next):
            break
        edge = position(page.items[0] if backward else page.items[-1])
    return [item for items in (pages[::-1] if backward else pages) for item in items]


async def both_ways(read: Read[T], position: Position[T], expected: Sequence[T], *, size: int) -> None:
    """Walk a list in both directions, and expect these items."""
    assert await walk(read, position, size=size, backward=False) == list(expected)
    assert await walk(read, position, size=size, backward=True) == list(expected)
