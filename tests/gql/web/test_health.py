import asyncio
from collections.abc import AsyncIterator
from functools import partial

import httpx
import pytest
import sqlalchemy as sa

from domain.bootstrap import Domain
from domain.persistence.migrate import COMPATIBLE_SINCE
from domain.persistence.unit_of_work import UnitOfWork
from gql.app import create_app
from tests.inside import inside
from tests.outages import Away, locked

PATHS = ("/livez", "/readyz", "/health")
on_both = pytest.mark.parametrize(
    "dialect", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)


@pytest.fixture
def closing() -> asyncio.Event:
    return asyncio.Event()


@pytest.fixture
async def http(domain: Domain, closing: asyncio.Event) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=create_app(domain, closing))
    async with httpx.AsyncClient(transport=transport, base_url="http://incidents.test") as client:
        yield client


@on_both
async def test_a_working_process_is_alive_ready_and_healthy(http: httpx.AsyncClient) -> None:
    answers = [await http.get(path) for path in PATHS]
    assert [(answer.status_code, answer.json()["status"]) for answer in answers] == [
        (200, "alive"),
        (200, "ready"),
        (200, "ok"),
    ]
    assert {answer.headers["cache-control"] for answer in answers} == {"no-store"}


@on_both
async def test_a_process_without_a_database_is_alive_and_not_ready(
    http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = Away(monkeypatch)
    away.begin()
    assert [(await http.get(path)).status_code for path in PATHS] == [200, 503, 503]
    assert (await http.get("/readyz")).json()["reasons"] == ["The database is away, locked or full; the log says more."]
    away.end()
    async with asyncio.timeout(60):
        while (await http.get("/readyz")).status_code != 200:  # noqa: ASYNC110 - as a probe does
            await asyncio.sleep(0.01)


async def test_a_process_that_cannot_write_is_healthy_and_not_ready(
    http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = Away(monkeypatch)
    away.writing = locked()
    assert [(await http.get(path)).status_code for path in PATHS] == [200, 503, 200]
    away.end()


async def test_a_probe_does_not_wait_for_a_silent_database(
    domain: Domain, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("domain.services.readiness._ANSWER_SECONDS", 0.02)
    asked: list[None] = []
    answer = asyncio.Event()

    async def hang(_: object) -> None:
        asked.append(None)
        await answer.wait()

    monkeypatch.setattr(domain.readiness, "_readable", partial(hang, None))
    monkeypatch.setattr(domain.readiness, "_tried", partial(hang, None))
    assert [(await http.get(path)).status_code for path in PATHS * 3] == [200, 503, 503] * 3
    assert len(asked) == 2  # however often somebody asks
    answer.set()


@on_both
@pytest.mark.parametrize(("revision", "reason"), [("0001", "older schema"), ("9999", "newer schema")])
async def test_a_process_is_not_ready_for_an_older_schema_nor_for_a_newer_one(
    domain: Domain, http: httpx.AsyncClient, revision: str, reason: str
) -> None:
    async def set_to(unit: UnitOfWork, text: str, since: str) -> tuple[str, str]:
        before = str(await unit.state.revision()), str(await unit.state.get(COMPATIBLE_SINCE))
        await unit.connection.execute(sa.text("UPDATE alembic_version SET version_num = :new"), {"new": text})
        await unit.state.set(COMPATIBLE_SINCE, since)
        return before

    before = (await inside(domain).database.write(lambda unit: set_to(unit, revision, revision))).value
    answer = await http.get("/readyz")
    await inside(domain).database.write(lambda unit: set_to(unit, *before))
    assert answer.status_code == 503
    assert reason in answer.text


async def test_a_process_that_stops_or_lost_the_log_is_not_ready(
    domain: Domain, http: httpx.AsyncClient, closing: asyncio.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    closing.set()
    monkeypatch.setattr(type(inside(domain).tail), "is_alive", False)
    assert (await http.get("/readyz")).json() == {
        "status": "not ready",
        "reasons": ["The event log is not being followed.", "The server is stopping."],
    }
