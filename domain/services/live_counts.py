"""Live counts: those of the moment, and then again whenever a change makes them others."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from domain.entities.incident import INCIDENT
from domain.model.change import Change
from domain.model.counts import Counting, IncidentCount
from domain.model.viewer import Audience
from domain.services.events import Watch
from domain.services.lists import Missed


@dataclass(frozen=True, slots=True, kw_only=True)
class CountsStep:
    """The counts as of a position of the log."""

    position: int
    counts: Sequence[IncidentCount]


class LiveCounts:
    """The state of some counts, for all who follow them; it takes the steps that a live list takes."""

    def __init__(self, counting: Counting, read: Callable[[], Awaitable[CountsStep]]) -> None:
        self._counting = counting
        self._read = read
        self._latest = CountsStep(position=0, counts=())

    @property
    def position(self) -> int:
        """The place in the log that the counts are as of."""
        return self._latest.position

    async def advance(self, changes: Sequence[Change]) -> CountsStep | None:
        """Return the counts after these changes; None where they are the same.

        Nothing is read where the changes themselves say that they make no difference.
        """
        fresh = [change for change in changes if change.seq > self.position]
        return await self.reread() if any(map(self._may_differ, fresh)) else None

    def _may_differ(self, change: Change) -> bool:
        # Of an erasure only the database knows what it did to them.
        return change.kind != INCIDENT.name or self._counting.may_differ(change)

    async def reread(self, missed: Sequence[Missed] = ()) -> CountsStep | None:  # noqa: ARG002 - lists read more
        """Return the counts as they are now; None where they are the same."""
        former, self._latest = self._latest, await self._read()
        return None if former.counts == self._latest.counts else self._latest

    async def missed(self, position: int) -> Missed | None:  # noqa: ARG002 - counts come as a whole
        """Return None: no step is smaller than all of the counts."""
        return None

    def beginning(self) -> CountsStep:
        """Return the counts as they were just read, for those who have none."""
        return self._latest

    async def resumption(self, since: int) -> CountsStep:  # noqa: ARG002 - as above
        """Return the counts as they were just read."""
        return self._latest


def watch_of(counting: Counting, audience: Audience) -> Watch:
    """Return the watch for all changes that may concern the counts."""
    by_people = counting.is_by_people
    return Watch(
        audience=audience,
        tree=counting.recorded_tree,
        includes_hidden=True,
        follows_erasures=by_people,
        named=counting.named,
    )
