"""The callers of tokens, and the first token."""

from dataclasses import replace
from datetime import timedelta

import pytest

from domain.bootstrap import Domain
from domain.errors import StartupError, UnauthenticatedError
from domain.model.actor import ActorType
from domain.model.commands import CreateToken
from domain.model.viewer import ANONYMOUS, SYSTEM_VIEWER, Role
from tests.conftest import SteppingClock
from tests.domain.dialects import on_one_database
from tests.factories import ADMIN

SECRET = "a-secret-of-more-than-16-characters"


@on_one_database
@pytest.mark.parametrize("authorization", [None, "", "  "])
async def test_a_caller_without_a_token_is_anonymous(domain: Domain, authorization: str | None) -> None:
    assert await domain.tokens.viewer_of(authorization) == ANONYMOUS


async def test_the_first_start_makes_an_admin_token_and_shows_it_once(domain: Domain) -> None:
    secret = await domain.tokens.ensure_admin(None)
    assert secret is not None
    viewer = await domain.tokens.viewer_of(f"Bearer {secret}")
    assert (viewer.role, viewer.actor.type, viewer.actor.name) == (Role.ADMIN, ActorType.APPLICATION, "admin")
    assert await domain.tokens.ensure_admin(None) is None


@on_one_database
async def test_a_wanted_admin_token_is_valid_and_not_shown(domain: Domain) -> None:
    for _ in range(2):
        assert await domain.tokens.ensure_admin(SECRET) is None
    viewers = [await domain.tokens.viewer_of(f"{scheme} {SECRET}") for scheme in ("Bearer", "bearer", "BEARER  ")]
    assert {viewer.actor.id for viewer in viewers} == {viewers[0].actor.id}


@pytest.mark.parametrize("secret", ["short", "x" * 501], ids=["too short", "too long"])
async def test_an_admin_token_that_is_no_secret_stops_the_start(domain: Domain, secret: str) -> None:
    with pytest.raises(StartupError):
        await domain.tokens.ensure_admin(secret)


@on_one_database
@pytest.mark.parametrize(
    "authorization",
    ["Bearer", "Bearer ", "Basic dXNlcjpwYXNz", SECRET, "Bearer wrong", f"Bearer {SECRET}x", "Bearer " + "x" * 10_000],
)
async def test_a_value_of_another_form_is_no_valid_token(domain: Domain, authorization: str) -> None:
    await domain.tokens.ensure_admin(SECRET)
    with pytest.raises(UnauthenticatedError):
        await domain.tokens.viewer_of(authorization)


async def test_a_token_that_is_renewed_stays_the_same_person_with_another_secret(
    domain: Domain, clock: SteppingClock
) -> None:
    ends = clock.now() + timedelta(days=30)
    command = CreateToken(name="Visitor", role=Role.RESPONDER, expires_at=ends)
    first = await domain.tokens.renew(ADMIN, command)
    known = await domain.tokens.viewer_of(f"Bearer {first}")
    later = replace(command, expires_at=ends + timedelta(days=1))
    second = await domain.tokens.renew(ADMIN, later)
    viewer = await domain.tokens.viewer_of(f"Bearer {second}")
    assert (viewer.actor, viewer.role, viewer.expires_at) == (known.actor, Role.RESPONDER, later.expires_at)
    clock.advance(seconds=3)
    with pytest.raises(UnauthenticatedError):
        await domain.tokens.viewer_of(f"Bearer {first}")


@on_one_database
async def test_a_token_of_somebody_else_or_one_that_was_revoked_is_not_renewed(domain: Domain) -> None:
    command = CreateToken(name="Visitor", role=Role.VIEWER)
    (others, secret) = (await domain.tokens.create(SYSTEM_VIEWER, command)).value
    first = await domain.tokens.viewer_of(f"Bearer {await domain.tokens.renew(ADMIN, command)}")
    assert first.token_id not in {None, others.id}
    assert (await domain.tokens.viewer_of(f"Bearer {secret}")).token_id == others.id
    await domain.tokens.revoke(ADMIN, str(first.token_id))
    second = await domain.tokens.viewer_of(f"Bearer {await domain.tokens.renew(ADMIN, command)}")
    assert second.token_id not in {first.token_id, others.id}
