"""Pages are kept while nothing changes, made once for all who ask, and shown with a notice where they are old."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from domain.errors import DomainError, NotFoundError, UnavailableError
from gql.web.status.kept import Body, KeptPages, Made

NAME = ("/status", "en")
AT = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


@dataclass
class World:
    """A log that grows, a clock that is set, and the making of a page."""

    position: int = 0
    seconds: float = 1_000.0
    made: int = 0
    error: Exception | None = None
    gate: asyncio.Event | None = None
    pages: KeptPages = field(init=False)

    def __post_init__(self) -> None:
        self.pages = KeptPages(
            lambda: self.position, lambda code, at: f"<p>{code} {at:%H:%M}</p>".encode(), lambda: self.seconds
        )

    async def make(self) -> Made:
        self.made += 1
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        return Made(position=self.position, at=AT, content=f"<main>{self.made}</main>".encode())

    async def read(self, make: Callable[[], Awaitable[Made]] | None = None, name: tuple[str, str] = NAME) -> Body:
        return self.pages.present(name) or await self.pages.made(name, make or self.make)


async def test_a_page_is_kept_until_the_log_grows() -> None:
    world = World()
    first, second = await world.read(), await world.read()
    world.seconds += 2
    assert await world.read() is first is second
    world.position += 1
    assert (await world.read()).plain == b"<main>2</main>"


async def test_a_page_is_made_again_after_a_minute_although_the_log_has_not_grown() -> None:
    world = World()
    await world.read()
    world.seconds += 61
    assert (await world.read()).plain == b"<main>2</main>"


async def test_a_log_that_grows_all_the_time_has_a_page_made_once_a_second() -> None:
    world = World()
    for _ in range(100):
        world.position += 1
        world.seconds += 0.1
        await world.read()
    assert world.made <= 11


async def test_all_who_ask_in_the_meantime_get_the_page_that_is_being_made() -> None:
    world = World(gate=asyncio.Event())
    asking = [asyncio.create_task(world.read()) for _ in range(10)]
    await asyncio.sleep(0)
    assert world.gate is not None
    world.gate.set()
    assert {body.plain for body in await asyncio.gather(*asking)} == {b"<main>1</main>"}
    assert world.made == 1


@pytest.mark.parametrize("error", [UnavailableError(), RuntimeError("a bug")])
async def test_a_page_that_cannot_be_made_again_is_shown_with_its_time(error: Exception) -> None:
    world = World()
    await world.read()
    world.seconds, world.error = world.seconds + 61, error
    assert (await world.read()).plain == b"<p>en 09:00</p><main>1</main>"
    world.seconds, world.error = world.seconds + 10, None
    assert (await world.read()).plain == b"<main>3</main>"


async def test_attempts_have_pauses_between_them_while_nothing_can_be_made() -> None:
    world = World()
    await world.read()
    world.error = UnavailableError()
    for _ in range(100):
        world.seconds += 61 if world.made == 1 else 0.1
        await world.read()
    assert world.made <= 6


async def test_a_page_without_an_older_one_is_refused_while_it_cannot_be_made() -> None:
    world = World(error=UnavailableError())
    with pytest.raises(UnavailableError):
        await world.read()


async def test_what_is_gone_has_no_page_any_more() -> None:
    world = World()
    await world.read()
    world.seconds, world.error = world.seconds + 61, NotFoundError("Incident", "INC-1")
    for _ in range(2):
        with pytest.raises(NotFoundError):
            await world.read()


async def test_a_reader_who_leaves_does_not_end_the_making() -> None:
    world = World(gate=asyncio.Event())
    leaving = asyncio.create_task(world.read())
    await asyncio.sleep(0)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    staying = asyncio.create_task(world.read())
    await asyncio.sleep(0)
    assert world.gate is not None
    world.gate.set()
    assert (await staying).plain == b"<main>1</main>"


async def test_the_pages_that_are_kept_are_few() -> None:
    world = World()
    for number in range(400):
        await world.read(name=(f"/status/INC-{number}", "en"))
    assert len(world.pages._pages) == 256


async def test_errors_of_the_domain_are_not_hidden_by_older_pages() -> None:
    world = World()
    await world.read()
    world.seconds, world.error = world.seconds + 61, DomainError("Refused.")
    with pytest.raises(DomainError):
        await world.read()
