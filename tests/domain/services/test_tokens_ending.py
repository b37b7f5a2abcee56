"""Making, using and revoking API tokens, on both databases."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from domain.bootstrap import Domain, running_domain
from domain.errors import ConflictError, InvalidInputError, NotFoundError, UnauthenticatedError, UnknownSystemError
from domain.model.paging import PageRequest
from domain.model.token import ApiToken
from domain.model.viewer import Role
from domain.persistence.tables import metadata
from domain.settings import Settings
from tests.conftest import SteppingClock, engines_of
from tests.domain.dialects import on_one_database
from tests.factories import ADMIN, log_of, make_system, make_token
from tests.inside import inside


@pytest.fixture(autouse=True)
def _still(clock: SteppingClock) -> None:
    clock.step = timedelta()


@on_one_database
async def test_a_token_authenticates_its_holder_with_its_role(domain: Domain) -> None:
    token, secret = await make_token(domain, role=Role.RESPONDER)
    viewer = await domain.tokens.viewer_of(f"Bearer {secret}")
    assert (viewer.role, viewer.actor.id, viewer.actor.name) == (Role.RESPONDER, token.id, token.name)
    assert (token.created_by, token.created_at) == (ADMIN.actor, domain.clock.now())


async def test_the_secret_of_a_token_is_nowhere_in_the_database(domain: Domain) -> None:
    _, secret = await make_token(domain)
    await domain.tokens.viewer_of(f"Bearer {secret}")
    await domain.sessions.check()
    async with inside(domain).database._engines.reader.connect() as connection:
        rows = [
            str(tuple(row)) for table in metadata.sorted_tables for row in await connection.execute(sa.select(table))
        ]
    assert any("tok_" in row for row in rows)
    assert not any(secret in row or secret.removeprefix("iql_") in row for row in rows)


async def test_no_secret_is_ever_sent_to_the_database(domain: Domain) -> None:
    # Tokens are found by their digest alone, so how long that takes says nothing about how much of one was right.
    with _sent(domain) as sent:
        _, secret = await make_token(domain)
        await domain.tokens.viewer_of(f"Bearer {secret}")
        with pytest.raises(UnauthenticatedError):
            await domain.tokens.viewer_of("Bearer iql_guessed-wrong")
    assert any("token_digest" in statement for statement, _ in sent)
    assert not any(secret in str(values) or "guessed" in str(values) for _, values in sent)


@on_one_database
@pytest.mark.parametrize("name", ["", "   ", "x" * 201, "a\0b"], ids=["empty", "blank", "too long", "a zero"])
async def test_a_token_needs_a_name(domain: Domain, name: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        await make_token(domain, name=name)
    assert caught.value.field == ["name"]


@on_one_database
async def test_a_token_has_a_role_of_its_own_and_a_future(domain: Domain, clock: SteppingClock) -> None:
    with pytest.raises(InvalidInputError, match="VIEWER, RESPONDER or ADMIN"):
        await make_token(domain, role=Role.ANONYMOUS)
    with pytest.raises(InvalidInputError, match="in the future"):
        await make_token(domain, expires_at=clock.now())


@on_one_database
async def test_a_token_is_limited_to_systems_that_exist(domain: Domain) -> None:
    system = await make_system(domain)
    by_key, _ = await make_token(domain, systems=["payments"])
    by_both, _ = await make_token(domain, systems=["payments", system.id])
    unlimited, _ = await make_token(domain)
    assert (by_key.systems, by_both.systems, unlimited.systems) == (own := frozenset([system.id]), own, None)
    with pytest.raises(UnknownSystemError) as caught:
        await make_token(domain, systems=["payments", "nowhere"])
    assert caught.value.field == ["systemIds", "1"]
    for systems in ([], ["payments"] * 101):
        with pytest.raises(InvalidInputError, match="1 to 100 systems"):
            await make_token(domain, systems=systems)


@on_one_database
async def test_a_tokens_limit_outlives_its_deleted_system(domain: Domain) -> None:
    system = await make_system(domain)
    _, secret = await make_token(domain, systems=["payments"])
    await domain.systems.delete(ADMIN, system.id)
    assert (await domain.tokens.viewer_of(f"Bearer {secret}")).systems == frozenset([system.id])


@on_one_database
async def test_a_token_is_refused_from_the_moment_at_which_it_expires(domain: Domain, clock: SteppingClock) -> None:
    _, secret = await make_token(domain, expires_at=clock.now() + timedelta(seconds=1))
    await domain.tokens.viewer_of(f"Bearer {secret}")
    clock.advance(seconds=1)
    with pytest.raises(UnauthenticatedError):
        await domain.tokens.viewer_of(f"Bearer {secret}")


async def test_a_revoked_token_is_refused_at_once_and_stays_revoked(domain: Domain, clock: SteppingClock) -> None:
    token, secret = await make_token(domain)
    await domain.tokens.viewer_of(f"Bearer {secret}")
    revoked = (await domain.tokens.revoke(ADMIN, token.id)).value
    with pytest.raises(UnauthenticatedError):
        await domain.tokens.viewer_of(f"Bearer {secret}")
    clock.advance(hours=1)
    assert (await domain.tokens.revoke(ADMIN, token.id)).value.revoked_at == revoked.revoked_at is not None


@on_one_database
@pytest.mark.parametrize("token_id", ["tok_01h455vb4pex5vsknk084sn02q", "nonsense", "tok_\0"], ids=repr)
async def test_an_unknown_token_cannot_be_revoked(domain: Domain, token_id: str) -> None:
    with pytest.raises(NotFoundError):
        await domain.tokens.revoke(ADMIN, token_id)


@on_one_database
async def test_the_last_admin_token_cannot_be_revoked(domain: Domain, clock: SteppingClock) -> None:
    await make_system(domain)
    admin, _ = await make_token(domain, role=Role.ADMIN)
    await make_token(domain, role=Role.RESPONDER)
    await make_token(domain, role=Role.ADMIN, systems=["payments"])
    await make_token(domain, role=Role.ADMIN, expires_at=clock.now() + timedelta(minutes=1))
    clock.advance(minutes=1)
    with pytest.raises(ConflictError, match="last admin token"):
        await domain.tokens.revoke(ADMIN, admin.id)
    await make_token(domain, role=Role.ADMIN)
    assert (await domain.tokens.revoke(ADMIN, admin.id)).value.revoked_at == clock.now()


async def test_of_two_admin_tokens_revoked_at_once_one_stays(domain: Domain) -> None:
    tokens = [(await make_token(domain, role=Role.ADMIN))[0] for _ in range(2)]
    ends = await asyncio.gather(*(domain.tokens.revoke(ADMIN, token.id) for token in tokens), return_exceptions=True)
    assert sorted(type(end).__name__ for end in ends) == ["ConflictError", "Outcome"]


@on_one_database
async def test_a_start_without_a_valid_admin_token_makes_one(domain: Domain, clock: SteppingClock) -> None:
    await make_token(domain, role=Role.ADMIN, expires_at=clock.now() + timedelta(days=1))
    assert await domain.tokens.ensure_admin(None) is None
    clock.advance(days=1)
    assert await domain.tokens.ensure_admin(None) is not None


@on_one_database
async def test_a_revoked_token_is_not_brought_back_by_the_next_start(
    domain: Domain, caplog: pytest.LogCaptureFixture
) -> None:
    secret = "an-admin-token-that-leaked"
    await domain.tokens.ensure_admin(secret)
    await make_token(domain, role=Role.ADMIN)
    await domain.tokens.revoke(ADMIN, (await domain.tokens.viewer_of(f"Bearer {secret}")).actor.id)
    assert await domain.tokens.ensure_admin(secret) is None
    assert "choose another" in caplog.text
    with pytest.raises(UnauthenticatedError):
        await domain.tokens.viewer_of(f"Bearer {secret}")


async def test_tokens_leave_no_trace_in_the_log(domain: Domain) -> None:
    token, _ = await make_token(domain)
    await domain.tokens.revoke(ADMIN, token.id)
    assert await log_of(domain) == []


async def test_a_cached_token_costs_no_statement(domain: Domain, clock: SteppingClock) -> None:
    _, secret = await make_token(domain)
    with _sent(domain) as sent:
        for _ in range(50):
            await domain.tokens.viewer_of(f"Bearer {secret}")
        assert len(sent) == 1
        clock.advance(seconds=2.001)
        await domain.tokens.viewer_of(f"Bearer {secret}")
        clock.advance(seconds=-5)
        await domain.tokens.viewer_of(f"Bearer {secret}")
    assert len(sent) == 3


async def test_the_number_of_cached_tokens_is_bounded(domain: Domain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("domain.services.sessions._MOST_KEPT", 2)
    for _ in range(4):
        _, secret = await make_token(domain)
        await domain.tokens.viewer_of(f"Bearer {secret}")
    assert len(domain.sessions._read) == 2


@on_one_database
async def test_a_tokens_last_use_is_stored_once_a_minute(domain: Domain, clock: SteppingClock) -> None:
    token, secret = await make_token(domain)
    assert await _last_used(domain, token) is None
    first = clock.now()
    for _ in range(6):
        await domain.tokens.viewer_of(f"Bearer {secret}")
        await domain.sessions.check()
        assert await _last_used(domain, token) == first
        clock.advance(seconds=10)
    await domain.tokens.viewer_of(f"Bearer {secret}")
    await domain.sessions.check()
    assert await _last_used(domain, token) == first + timedelta(minutes=1)


async def test_a_tokens_last_use_is_stored_before_the_server_stops(settings: Settings, clock: SteppingClock) -> None:
    async with running_domain(settings, clock=clock) as domain:
        token, secret = await make_token(domain)
        await domain.tokens.viewer_of(f"Bearer {secret}")
    async with running_domain(settings, clock=clock, live=False) as domain:
        assert await _last_used(domain, token) is not None


async def test_all_tokens_are_listed_newest_first(domain: Domain) -> None:
    made = [(await make_token(domain, name=f"token {number}"))[0].id for number in range(5)]
    first = await domain.reads.token_page(PageRequest(size=2))
    rest = await domain.reads.token_page(PageRequest(size=10, after=(first.items[-1].id,)))
    assert [token.id for token in (*first.items, *rest.items)] == made[::-1]
    assert await domain.reads.token_count() == 5


@pytest.fixture
async def closed(settings: Settings, clock: SteppingClock) -> AsyncIterator[Domain]:
    """Yield a domain that refuses anonymous callers."""
    asked = Settings(
        database_url=settings.database_url, sqlite_synchronous="NORMAL", anonymous_access=False, automations=False
    )
    async with running_domain(asked, clock=clock) as running:
        yield running


@on_one_database
async def test_anonymous_callers_can_be_refused(closed: Domain) -> None:
    for authorization in (None, "", " "):
        with pytest.raises(UnauthenticatedError, match="needs a token"):
            await closed.tokens.viewer_of(authorization)
    _, secret = await make_token(closed)
    assert (await closed.tokens.viewer_of(f"Bearer {secret}")).role is Role.VIEWER


async def _last_used(domain: Domain, token: ApiToken) -> Any:
    return (await domain.reads.tokens([token.id]))[token.id].last_used_at


@contextmanager
def _sent(domain: Domain) -> Iterator[list[tuple[str, Any]]]:
    """Yield the statements on tokens that are sent meanwhile, with their values."""
    sent: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_rest: Any) -> None:
        if "api_tokens" in statement:
            sent.append((statement, values))

    for engine in engines_of(domain):
        sa.event.listen(engine, "before_cursor_execute", note)
    yield sent
    for engine in engines_of(domain):
        sa.event.remove(engine, "before_cursor_execute", note)
