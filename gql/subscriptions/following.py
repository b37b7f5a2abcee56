"""The parts that subscriptions to the state of one entity share, for any kind of entity."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Annotated, TypeVar

import strawberry
from strawberry.types.unset import UnsetType

from domain.errors import NotFoundError
from domain.services.events import Watch
from gql.context import Context
from gql.types.enums import ChangeAction

T = TypeVar("T")

After = Annotated[
    str | None,
    strawberry.argument(
        description="Resume behind this cursor: missed events come first, then live ones. By default live ones only."
    ),
]


def given(after: str | UnsetType | None) -> str | None:
    """Return the cursor to resume from; None where there is none."""
    return None if isinstance(after, UnsetType) else after


async def states(
    context: Context,
    watch: Watch,
    after: str | None,
    *,
    noun: str,
    read: Callable[[], Awaitable[T | None]],
    is_over: Callable[[T], bool],
) -> AsyncGenerator[T | None, None]:
    """Yield the entity, then again after every change until it is final; yield None once it is gone.

    Raises:
        NotFoundError: there is no such entity.
    """
    identifier = watch.entity_id or ""
    source = context.events
    cursor = context.resumed(after)
    position = await source.start(cursor)
    if source.shows_present:
        events = context.domain.events
        changed = cursor is None or await events.latest(identifier, context.audience, kind=watch.kind) > position
        news = changed or (watch.follows_erasures and await events.was_erased_since(position))
        if news:
            # The position first: a change between the two reads comes again instead of being missed.
            position = await events.head()
        present = await read()
        if present is None and (cursor is None or not changed):
            raise NotFoundError(noun, identifier)
        if news:
            context.at_event(position)
            yield present
        if present is None or is_over(present):
            return
    async with aclosing(source.follow(watch, position)) as changes:
        async for change in changes:
            context.at_event(change.seq)
            present = None if change.action is ChangeAction.DELETED else await read()
            yield present
            if present is None or is_over(present):
                return
