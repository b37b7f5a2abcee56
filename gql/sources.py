"""Where the events of a subscription come from: the log alone, a stretch of it, or a group that shares them."""

from collections.abc import AsyncGenerator
from typing import Protocol

from typing_extensions import override

from domain.model.change import Change
from domain.services.events import EventService, Watch


def resumed(last_event_id: str | None, after: str | None) -> str | None:
    """Return the cursor to go on behind: the event's id wins over `after`.

    An EventSource says on its return how far it has come, and sends the `after` that it began with once more.
    """
    return last_event_id or after


class EventSource(Protocol):
    """What a subscription's resolver reads from."""

    #: Whether the present state of something watched comes first; a group's members got it before they joined.
    shows_present: bool

    async def start(self, after: str | None) -> int:
        """The position behind which events are wanted."""

    def follow(self, watch: Watch, position: int) -> AsyncGenerator[Change, None]:
        """The wanted changes behind a position, in order."""


class LogSource:
    """The log from a cursor and on without end: one execution per subscriber."""

    shows_present = True

    def __init__(self, events: EventService, *, last_event_id: str | None = None) -> None:
        self._events = events
        self._last_event_id = last_event_id

    async def start(self, after: str | None) -> int:
        """The position of a cursor, or the present head."""
        return await self._events.start_of(resumed(self._last_event_id, after))

    def follow(self, watch: Watch, position: int) -> AsyncGenerator[Change, None]:
        """Stored changes, then live ones."""
        return self._events.follow(watch, position)


class CatchUp:
    """The log from a cursor up to a position: what one subscriber missed before it joins a group there."""

    shows_present = True

    def __init__(self, events: EventService, *, until: int, last_event_id: str | None = None) -> None:
        self._events = events
        self._until = until
        self._last_event_id = last_event_id
        #: How far the subscriber is by now.
        self.reached = 0
        #: Whether the stretch was followed to its end, as opposed to a subscription that ended by itself.
        self.finished = False

    async def start(self, after: str | None) -> int:
        """The position of a cursor, or the present head."""
        self.reached = await self._events.start_of(resumed(self._last_event_id, after))
        return self.reached

    async def follow(self, watch: Watch, position: int) -> AsyncGenerator[Change, None]:
        """Stored changes behind a position, up to the end of the stretch."""
        self.reached = position
        async for change in self._events.stretch(watch, position, until=self._until):
            yield change
            self.reached = change.seq
        self.reached = max(position, self._until)
        self.finished = True


class Continued(CatchUp):
    """A further stretch of the same subscriber, from where it is."""

    shows_present = False

    def __init__(self, events: EventService, *, position: int, until: int) -> None:
        super().__init__(events, until=until)
        self.reached = position

    @override
    async def start(self, after: str | None) -> int:
        """Where the subscriber is, whatever cursor it came with."""
        return self.reached
