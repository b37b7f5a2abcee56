"""Access to metrics: for programs on the server's machine by default, and whoever has a token for it."""

from dataclasses import replace
from typing import Any

import httpx
import pytest

from domain.bootstrap import running_domain
from domain.errors import StartupError
from domain.model.token import ApiToken
from domain.model.viewer import Role
from domain.persistence.unit_of_work import UnitOfWork
from domain.settings import Settings
from gql.app import create_app
from tests.conftest import SteppingClock
from tests.inside import inside

TOKEN = "a-token-of-the-monitor"
TOKENS = {role: f"a-{role}-token-long-enough" for role in (Role.RESPONDER, Role.ADMIN)}
ELSEWHERE = "203.0.113.9"


async def status(
    settings: Settings, *, client: str = "127.0.0.1", url: str = "http://localhost:8000", **headers: str
) -> int:
    """Return the status of the answer to a request for metrics."""
    async with running_domain(settings, clock=SteppingClock(), live=False) as domain:

        async def write(unit: UnitOfWork) -> None:
            for role, secret in TOKENS.items():
                token = ApiToken(id=f"tok_{role}", name=role, role=role, created_at=domain.clock.now())
                await unit.tokens.insert(token, secret)

        await inside(domain).database.write(write)
        transport = httpx.ASGITransport(app=create_app(domain), client=(client, 5000))
        async with httpx.AsyncClient(transport=transport, base_url=url) as http:
            answer = await http.get(
                "/metrics", headers={name.replace("_", "-"): value for name, value in headers.items()}
            )
    assert answer.status_code == 404 or answer.headers["cache-control"] == "no-store"
    assert TOKEN not in answer.text
    return answer.status_code


@pytest.fixture
def dialect() -> str:
    return "sqlite"


BEARER = {"authorization": f"Bearer {TOKEN}"}
CASES: dict[str, tuple[dict[str, Any], dict[str, str], int]] = {
    "a program on this machine": ({}, {}, 200),
    "one by IPv6": ({}, {"client": "::1", "url": "http://[::1]:8000"}, 200),
    "one by IPv4 in IPv6": ({}, {"client": "::ffff:127.0.0.1"}, 200),
    "another machine": ({}, {"client": ELSEWHERE}, 401),
    "another machine that says localhost": ({}, {"client": "10.0.0.1", "url": "http://localhost"}, 401),
    "a proxy that says for whom": ({}, {"x_forwarded_for": ELSEWHERE}, 401),
    "a proxy that says so of itself": ({}, {"via": "1.1 proxy"}, 401),
    "a proxy in the standard's words": ({}, {"forwarded": "for=203.0.113.9"}, 401),
    "a proxy that says for which host": ({}, {"url": "http://incidents.example.com"}, 401),
    "a proxy of a server with an address": ({"public_url": "https://incidents.example.com"}, {}, 401),
    "a page in a browser": ({}, {"origin": "http://localhost:3000"}, 401),
    "the monitor's token": ({"metrics_token": TOKEN}, {"client": ELSEWHERE, **BEARER}, 200),
    "a wrong one": ({"metrics_token": TOKEN}, {"client": ELSEWHERE, "authorization": f"Bearer {TOKEN}s"}, 401),
    "that token where none is set": ({}, {"client": ELSEWHERE, **BEARER}, 401),
    "an admin": ({}, {"client": ELSEWHERE, "authorization": f"Bearer {TOKENS[Role.ADMIN]}"}, 200),
    "a responder": ({}, {"client": ELSEWHERE, "authorization": f"Bearer {TOKENS[Role.RESPONDER]}"}, 403),
    "local, where a token is needed": ({"metrics": "token"}, {}, 401),
    "anybody, where all may": ({"metrics": "open"}, {"client": ELSEWHERE}, 200),
    "an admin, where there are none": ({"metrics": "off"}, {"authorization": f"Bearer {TOKENS[Role.ADMIN]}"}, 404),
}


@pytest.mark.parametrize("case", CASES)
async def test_metrics_are_for_whom_the_settings_say(settings: Settings, case: str) -> None:
    changes, request, expected = CASES[case]
    assert await status(replace(settings, **changes), **request) == expected


@pytest.mark.parametrize("changes", [{"metrics": "nobody"}, {"metrics_token": "short"}], ids=str)
def test_a_setting_that_would_mean_nothing_stops_the_start(changes: dict[str, str]) -> None:
    with pytest.raises(StartupError, match="INCIDENTQL_METRICS"):
        Settings(**changes)  # type: ignore[arg-type]  # of texts alone
