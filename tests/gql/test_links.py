"""The link that a start prints: whoever opens it is signed in, and no log holds one."""

import sys
from dataclasses import replace
from typing import Any

import pytest

from domain.bootstrap import running_domain
from domain.model.viewer import Role
from domain.settings import Settings
from gql.cli.links import start_link
from tests.conftest import SteppingClock


@pytest.fixture(params=[True, False], ids=["a terminal", "a file"])
def is_terminal(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Let the output be a terminal, or none."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: request.param)
    return bool(request.param)


async def link_with(
    settings: Settings, clock: SteppingClock, *, demo: bool = False, token: str | None = "iql_new", **changes: Any
) -> str | None:
    """Return the link of a start on port 8000 with these settings."""
    async with running_domain(replace(settings, **changes), clock=clock, live=False) as domain:
        return await start_link(domain, port=8000, demo=demo, token=token)


async def test_a_new_admin_token_becomes_a_link_on_a_terminal_alone(
    settings: Settings, clock: SteppingClock, is_terminal: bool
) -> None:
    expected = "http://127.0.0.1:8000/#token=iql_new" if is_terminal else None
    assert await link_with(settings, clock) == expected
    assert await link_with(settings, clock, token=None) is None


async def test_a_demo_has_a_link_at_each_start_and_only_the_last_one_is_good(
    settings: Settings, clock: SteppingClock, is_terminal: bool
) -> None:
    links = [await link_with(settings, clock, demo=True, token=token) for token in ("iql_new", None)]
    secrets = [str(link).removeprefix("http://127.0.0.1:8000/#token=") for link in links]
    assert "iql_new" not in secrets
    async with running_domain(settings, clock=clock, live=False) as domain:
        viewer = await domain.tokens.viewer_of(f"Bearer {secrets[1]}")
        assert (viewer.role, viewer.actor.name) == (Role.ADMIN, "Demo visitor")
        assert len(set(secrets)) == 2


@pytest.mark.parametrize(
    ("changes", "root"),
    [
        ({"host": "0.0.0.0"}, "http://127.0.0.1:8000"),
        ({"host": "::"}, "http://[::1]:8000"),
        ({"host": "::1"}, "http://[::1]:8000"),
        ({"host": "ops.internal"}, "http://ops.internal:8000"),
        ({"public_url": "https://ops.example.com/board/"}, "https://ops.example.com/board"),
    ],
    ids=repr,
)
async def test_the_link_is_one_that_a_browser_reaches(
    settings: Settings, clock: SteppingClock, changes: dict[str, Any], root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert await link_with(settings, clock, **changes) == f"{root}/#token=iql_new"
