"""The index of waits: in memory, from the references that they watch to the waits, fed by the log's tail."""

import asyncio
import logging
from collections.abc import Collection, Iterator
from contextlib import aclosing, contextmanager

from domain.entities.run import RUN
from domain.errors import CursorExpiredError
from domain.messaging.tail import LogTail
from domain.model.change import Change
from domain.outages import logging_failures

logger = logging.getLogger(__name__)

#: The kind under which waits name trigger events.
EVENT = "event"
_RETRY_SECONDS = 1.0


def reference(kind: str, entity_id: str) -> str:
    """Return the reference of a wait to one entity; with `*` as the id, to all of a kind."""
    return f"{kind}:{entity_id}"


class WakeIndex:
    """The waits of this process by reference; it may lose all of them: waits read the state once they registered."""

    def __init__(self, tail: LogTail) -> None:
        self._tail = tail
        self._waiting: dict[str, set[asyncio.Event]] = {}
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Follow the log from now on."""
        self._task = asyncio.create_task(self._run(self._tail.last))

    async def stop(self) -> None:
        """Stop following the log."""
        if self._task is not None:
            # The task only waits for the log.
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @contextmanager
    def watching(self, references: Collection[str], *, run_id: str) -> Iterator[asyncio.Event]:
        """Yield an event that is set on each change of these references, or of the run itself."""
        event = asyncio.Event()
        names = {*references, reference(RUN.name, run_id)}
        for name in names:
            self._waiting.setdefault(name, set()).add(event)
        try:
            yield event
        finally:
            for name in names:
                waiting = self._waiting[name]
                waiting.discard(event)
                if not waiting:
                    del self._waiting[name]

    def owners(self, kind: str, entity_id: str) -> set[asyncio.Event]:
        """Return the waits for this entity, by its id or as one of its kind."""
        found = self._waiting.get(reference(kind, entity_id), set()) | self._waiting.get(reference(kind, "*"), set())
        return set(found)

    def wake(self, change: Change) -> None:
        """Wake the waits for what changed, or for what it fired."""
        for event in self._concerned(change):
            event.set()

    def is_awaited(self, change: Change) -> bool:
        """Return whether any wait is for what changed, or for what it fired."""
        return bool(self._concerned(change))

    def _concerned(self, change: Change) -> set[asyncio.Event]:
        concerned = self.owners(change.kind, change.entity_id)
        for fired in change.events:
            concerned |= self._waiting.get(reference(EVENT, fired), set())
        return concerned

    def wake_all(self) -> None:
        """Wake all waits: changes may have been missed."""
        for waiting in self._waiting.values():
            for event in waiting:
                event.set()

    async def _run(self, after: int) -> None:
        position = after
        while True:
            with logging_failures(logger, "waits cannot follow the log; trying again"):
                try:
                    async with aclosing(self._tail.follow(position)) as following:
                        async for batch in following:
                            for change in batch:
                                self.wake(change)
                            position = batch[-1].seq
                except CursorExpiredError:
                    position = self._tail.last
                    self.wake_all()
                    continue
            await asyncio.sleep(_RETRY_SECONDS)
            self.wake_all()
