"""The detection of invalid credentials while streams are open, on both databases."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from domain.bootstrap import Domain, running_domain
from domain.model.actor import Actor, ActorType
from domain.model.viewer import ANONYMOUS, Role, Viewer
from domain.services.sessions import EXPIRED, REVOKED
from domain.settings import Settings
from tests.conftest import SteppingClock
from tests.domain.dialects import on_one_database
from tests.factories import ADMIN, make_token
from tests.inside import inside


@pytest.fixture(autouse=True)
def _still(clock: SteppingClock) -> None:
    clock.step = timedelta()


@pytest.fixture
async def elsewhere(settings: Settings, clock: SteppingClock) -> AsyncIterator[Domain]:
    """Yield another process on the same database."""
    async with running_domain(settings, clock=clock, live=False) as running:
        yield running


async def test_a_stream_ends_at_once_on_a_revocation_in_its_process(domain: Domain) -> None:
    token, waits = await _streams(domain, 3)
    await domain.tokens.revoke(ADMIN, token)
    assert await asyncio.gather(*waits) == [REVOKED] * 3
    assert domain.sessions._watched == {}


async def test_a_stream_ends_on_a_revocation_elsewhere_at_the_next_check(domain: Domain, elsewhere: Domain) -> None:
    token, waits = await _streams(domain, 2)
    await elsewhere.tokens.revoke(ADMIN, token)
    await domain.sessions.check()
    assert await asyncio.gather(*waits) == [REVOKED] * 2


async def test_a_process_checks_credentials_by_itself(domain: Domain, elsewhere: Domain) -> None:
    token, [wait] = await _streams(domain, 1)
    await elsewhere.tokens.revoke(ADMIN, token)
    async with asyncio.timeout(60):
        assert await wait == REVOKED


async def test_a_stream_ends_when_its_token_expires(domain: Domain, clock: SteppingClock) -> None:
    _, secret = await make_token(domain, expires_at=clock.now() + timedelta(minutes=5))
    viewer = await domain.tokens.viewer_of(f"Bearer {secret}")
    wait = await _started(domain, viewer)
    clock.advance(minutes=4)
    await domain.sessions.check()
    assert domain.sessions.why_invalid(viewer) is None
    clock.advance(minutes=1)
    await domain.sessions.check()
    assert await wait == EXPIRED


async def test_an_expired_token_is_noticed_at_an_event_before_the_next_check(
    domain: Domain, clock: SteppingClock
) -> None:
    user = Actor(type=ActorType.USER, id="ann")
    viewer = Viewer(actor=user, role=Role.VIEWER, expires_at=clock.now() + timedelta(minutes=5))
    assert domain.sessions.why_invalid(viewer) is None
    wait = await _started(domain, viewer)
    clock.advance(minutes=5)
    assert domain.sessions.why_invalid(viewer) == EXPIRED
    assert await wait == EXPIRED


async def test_an_expired_stream_ends_while_the_database_is_away(
    domain: Domain, clock: SteppingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, secret = await make_token(domain, expires_at=clock.now() + timedelta(minutes=5))
    wait = await _started(domain, await domain.tokens.viewer_of(f"Bearer {secret}"))

    async def fail(_: object) -> None:
        raise OSError

    monkeypatch.setattr(inside(domain).database, "read", fail)
    clock.advance(minutes=5)
    with pytest.raises(OSError):  # noqa: PT011 - the one above
        await domain.sessions.check()
    assert await wait == EXPIRED


async def test_one_statement_checks_all_streams(domain: Domain, monkeypatch: pytest.MonkeyPatch) -> None:
    waits = [(await _streams(domain, 5))[1] for _ in range(4)]
    asked: list[list[str]] = []
    real = domain.sessions._unrevoked

    async def note(ids: list[str]) -> set[str]:
        asked.append(ids)
        return await real(ids)

    monkeypatch.setattr(domain.sessions, "_unrevoked", note)
    await domain.sessions.check()
    assert [len(ids) for ids in asked] == [4]
    for wait in [wait for several in waits for wait in several]:
        wait.cancel()


@on_one_database
async def test_a_caller_without_a_credential_is_never_invalid(domain: Domain, clock: SteppingClock) -> None:
    assert not ANONYMOUS.can_lapse
    wait = await _started(domain, ANONYMOUS)
    clock.advance(days=10_000)
    await domain.sessions.check()
    assert not wait.done()
    wait.cancel()
    await asyncio.wait({wait})
    assert domain.sessions._watched == {}


async def _streams(domain: Domain, count: int) -> tuple[str, list["asyncio.Task[str]"]]:
    """Return a token with so many open streams."""
    token, secret = await make_token(domain)
    viewer = await domain.tokens.viewer_of(f"Bearer {secret}")
    assert viewer.can_lapse
    return token.id, [await _started(domain, viewer) for _ in range(count)]


async def _started(domain: Domain, viewer: Viewer) -> "asyncio.Task[str]":
    wait = asyncio.create_task(domain.sessions.wait_invalid(viewer))
    await asyncio.sleep(0)
    return wait
