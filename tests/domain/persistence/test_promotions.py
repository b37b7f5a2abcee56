"""A log that goes on at a promoted standby, which may lack the last changes of the server before it."""

import asyncio
from contextlib import aclosing

import pytest

from domain.bootstrap import Domain
from domain.errors import CursorExpiredError
from domain.messaging.tail import LogTail
from domain.persistence.places import PLACES_PER_MILLISECOND
from tests.domain.messaging.changes import a_tail, append, until
from tests.domain.persistence.losing import connect_anew, lose_changes

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.parametrize("dialect", [pytest.param("postgresql", marks=pytest.mark.postgres)]),
]


async def test_a_cursor_of_a_change_that_a_promoted_standby_lacks_expires_for_good(domain: Domain) -> None:
    kept, *lost = await append(domain, 40)
    await lose_changes(domain, after=kept)
    later = await append(domain, 50)

    assert later[0] > lost[-1]
    assert later[0] % PLACES_PER_MILLISECOND == 1
    assert await domain.events.start_of(domain.events.cursor_of(kept)) == kept
    for place in lost:
        with pytest.raises(CursorExpiredError):
            await domain.events.start_of(domain.events.cursor_of(place))


async def test_a_log_goes_on_without_a_jump_while_its_server_is_the_same(domain: Domain) -> None:
    before = await append(domain, 1)
    await connect_anew(domain)

    assert await append(domain, 1) == [before[0] + 1]


async def test_who_follows_from_a_lost_change_is_told_and_others_miss_nothing(domain: Domain) -> None:
    kept, *lost = await append(domain, 3)
    async with a_tail(domain) as tail:
        await lose_changes(domain, after=kept)
        waiting = asyncio.create_task(_next(tail, lost[-1]))
        await until(lambda: len(tail._followers) == 1)
        later = await append(domain, 2)
        await tail.read_now()

        with pytest.raises(CursorExpiredError):
            await waiting
        assert await _next(tail, kept) == later


async def _next(tail: LogTail, after: int) -> list[int]:
    async with aclosing(tail.follow(after)) as batches:
        async for batch in batches:
            return [change.seq for change in batch]
    return []
