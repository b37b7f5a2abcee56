"""Groups that follow a list or counts: the state is kept once for all members, who join at a step of it."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, Protocol, TypeVar

import orjson
from typing_extensions import override

from domain.model.change import Change
from domain.model.counts import Counting
from domain.model.listing import Listing
from domain.services.events import AnyWatch
from domain.services.lists import ListStep, LiveList, Missed
from domain.services.live_counts import CountsStep, watch_of
from gql.compiled.lists import CompiledList, UnreadableError
from gql.transport.groups import Group, Groups
from gql.transport.members import Member, Members, SharedResult
from gql.transport.sharing import GroupKey

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class _Live(Protocol[T_co]):
    """A list or counts, as of a position."""

    async def advance(self, changes: Sequence[Change]) -> T_co | None: ...

    async def reread(self, missed: Sequence[Missed] = ()) -> T_co | None: ...

    async def missed(self, position: int) -> Missed | None: ...

    def beginning(self) -> T_co: ...

    async def resumption(self, since: int) -> T_co: ...


class ListGroup(Group):
    """A group whose members have one list, all of them as of the same place of the log."""

    def __init__(self, key: GroupKey, groups: Groups) -> None:
        super().__init__(key, groups)
        #: Those who are about to join, with the position of the list that they have; None where they have none.
        self._arriving: dict[Member, int | None] = {}
        #: Those among them whom the present step is for.
        self._receivers: Members | None = None
        #: Whether the list has to be read as a whole, because changes of it were lost.
        self._is_behind = False

    def admit(self, member: Member, since: int | None) -> None:
        """Deliver the list to this member, or what became of it since a position, and then every step."""
        self._arriving[member] = since
        self._filled.set()

    @override
    def leave(self, member: Member) -> None:
        self._arriving.pop(member, None)
        if self._receivers is not None:
            self._receivers.remove(member)
        super().leave(member)

    @override
    def reached(self, member: Member) -> int:
        return member.last if self._arriving else super().reached(member)

    @override
    def _end_if_unwanted(self) -> None:
        if not self._arriving and not self._receivers:
            super()._end_if_unwanted()

    async def listed(self, listing: Listing) -> AsyncGenerator[ListStep[Any], None]:
        """Yield the steps of the list that the executor has to show; the others are delivered already."""
        domain, audience = self._groups.domain, self.key.audience
        compiled = self._groups.functions.of_list(self.key, listing)
        live: LiveList[Any] = LiveList(domain.lists, listing, compiled or domain.lists.reader(listing, audience))
        self._begin(domain.lists.watch(listing, audience))
        while True:
            await self._until_due()
            # Held until the next step is requested, when this one was executed and delivered.
            async with self._groups.execution_slots:
                self._busy = True
                try:
                    async with aclosing(self._steps(live)) as steps:
                        async for step in steps:
                            self._current = step.position
                            if compiled is None:
                                yield step
                            else:
                                await self._deliver(self._shown(compiled, step))
                except UnreadableError:
                    # What was not taken over is read again with the whole list.
                    compiled = None
                    live.reader = domain.lists.reader(listing, audience)

    async def counted(self, counting: Counting) -> AsyncGenerator[CountsStep, None]:
        """Yield the counts whenever they became others, and for those who join."""
        audience = self.key.audience
        live = self._groups.domain.metrics.live(counting, audience)
        self._begin(watch_of(counting, audience))
        while True:
            await self._until_due()
            async with self._groups.execution_slots:
                self._busy = True
                async with aclosing(self._steps(live)) as steps:
                    async for step in steps:
                        self._current = step.position
                        yield step

    def _begin(self, watch: AnyWatch) -> None:
        self.watch = watch
        self._delivered = self._groups.position
        self._groups.listen(self)
        self.started.set()

    async def _until_due(self) -> None:
        self._busy = False
        while not self._queue and not self._arriving and not self._is_behind:
            self._filled.clear()
            await self._filled.wait()

    async def _steps(self, live: _Live[T]) -> AsyncGenerator[T, None]:
        """Yield the step for all members, and one for those who arrive with the same list; note whom it is for."""
        was_behind, self._is_behind = self._is_behind, True
        changes = list(self._queue)
        self._queue.clear()
        since = set(self._arriving.values())
        if since or was_behind:
            missed = {each: None if each is None else await live.missed(each) for each in since}
            step = await live.reread([each for each in missed.values() if each is not None])
        else:
            missed = {}
            step = await live.advance(changes)
        self._is_behind = False
        if step is not None and self.members:
            yield step
        for each, found in missed.items():
            self._receivers = self._taken(each)
            # Positions that are too far away, like none at all, get the list from the beginning.
            yield live.beginning() if each is None or found is None else await live.resumption(each)
            self._receivers = None

    def _taken(self, since: int | None) -> Members:
        """Return those who arrive with the list of a position, and no longer expect them."""
        taken = Members()
        for member in [member for member, position in self._arriving.items() if position == since]:
            del self._arriving[member]
            taken.add(member)
        return taken

    def _shown(self, compiled: CompiledList, step: ListStep[Any]) -> SharedResult:
        cursor = self._groups.cursor_of(step.position)
        payload = orjson.dumps({"data": compiled.data(step), "extensions": {"cursor": cursor}})
        return SharedResult(seq=step.position, cursor=cursor, payload=payload, at=self._groups.now())

    @override
    async def _deliver(self, result: SharedResult) -> None:
        joining = self._receivers
        if joining is None:
            await super()._deliver(result)
            return
        for member in joining:
            # One that missed nothing gets a message, too.
            member.last = result.seq - 1
        await joining.deliver(result)
        for member in joining:
            self.members.add(member)
        joining.clear()

    @override
    def _end(self) -> None:
        for member in (*self._arriving, *(self._receivers or ())):
            self.members.add(member)
        self._arriving.clear()
        self._receivers = None
        super()._end()
