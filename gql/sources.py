"""Sources of a subscription's events: the log, or a bounded part of it to catch up with a group."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Protocol, runtime_checkable

from typing_extensions import override

from domain.model.change import Change
from domain.model.counts import Counting
from domain.model.listing import Listing
from domain.services.events import AnyWatch, EventService
from domain.services.lists import ListStep
from domain.services.live_counts import CountsStep


def resumed(last_event_id: str | None, after: str | None) -> str | None:
    """Return the cursor to resume from: the event's id wins over `after`.

    An EventSource that reconnects sends the id of its last event, and repeats the `after` of its first request.
    """
    return last_event_id or after


class EventSource(Protocol):
    """A source of events for a subscription's resolver."""

    #: True where the present state of a watched entity comes first; a group's members got it before they joined.
    shows_present: bool

    async def start(self, after: str | None) -> int:
        """Return the position behind which events are wanted."""

    def follow(self, watch: AnyWatch, position: int) -> AsyncGenerator[Change, None]:
        """Yield the wanted changes behind a position, in order."""


@runtime_checkable
class ListSource(Protocol):
    """A source of the steps of one list or of some counts, for all who share it."""

    def listed(self, listing: Listing) -> AsyncGenerator[ListStep[Any], None]:
        """Yield the steps that the executor has to show."""

    def counted(self, counting: Counting) -> AsyncGenerator[CountsStep, None]:
        """Yield the counts whenever they became others, and for those who join."""


class LogSource:
    """The log from a cursor on without end, for one execution per subscriber."""

    shows_present = True

    def __init__(self, events: EventService, *, last_event_id: str | None = None) -> None:
        self._events = events
        self._last_event_id = last_event_id

    async def start(self, after: str | None) -> int:
        """Return the position of a cursor, or the present head."""
        return await self._events.start_of(resumed(self._last_event_id, after))

    def follow(self, watch: AnyWatch, position: int) -> AsyncGenerator[Change, None]:
        """Yield stored changes, then live ones."""
        return self._events.follow(watch, position)


class CatchUp:
    """The part of the log that one subscriber missed: from its cursor up to the position where it joins a group."""

    shows_present = True

    def __init__(
        self, events: EventService, *, until: int, last_event_id: str | None = None, most: int | None = None
    ) -> None:
        self._events = events
        self.until = until
        self._last_event_id = last_event_id
        self._most = most
        #: The position that the subscriber has reached.
        self.reached = 0
        #: True once the end was reached, as opposed to a subscription that ended by itself.
        self.finished = False
        #: The selection of the changes that are left, once the most that the executor shall get were yielded.
        self.left: AnyWatch | None = None

    async def start(self, after: str | None) -> int:
        """Return the position of a cursor, or the present head."""
        self.reached = await self._events.start_of(resumed(self._last_event_id, after))
        return self.reached

    async def follow(self, watch: AnyWatch, position: int) -> AsyncGenerator[Change, None]:
        """Yield stored changes behind a position, up to the end, or the most that the executor shall get."""
        self.reached = position
        yielded = 0
        async with aclosing(self._events.replay(watch, position, until=self.until)) as changes:
            async for change in changes:
                if yielded == self._most:
                    self.left = watch
                    return
                yield change
                self.reached = change.seq
                yielded += 1
        self.finish()

    def finish(self) -> None:
        """Note that the subscriber has everything up to the end."""
        self.reached = max(self.reached, self.until)
        self.finished = True


class Continued(CatchUp):
    """A further part of the log for the same subscriber, from the position that it has reached."""

    shows_present = False

    def __init__(self, events: EventService, *, position: int, until: int) -> None:
        super().__init__(events, until=until)
        self.reached = position

    @override
    async def start(self, after: str | None) -> int:
        """Return the subscriber's position, ignoring its cursor."""
        return self.reached
