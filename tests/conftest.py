"""What all tests share: both databases through one fixture, a clock that stands still, and the running domain."""

import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from domain.bootstrap import Domain, running_domain
from domain.clock import Clock
from domain.settings import Settings
from tests.addresses import postgres_url

pytest_plugins = ["tests.requirements_gate"]


class SteppingClock(Clock):
    """A clock that moves on by a second whenever it is read, and as far as it is told."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
        self.step = timedelta(seconds=1)

    def now(self) -> datetime:
        """The next moment."""
        self.moment += self.step
        return self.moment

    def advance(self, **duration: float) -> None:
        """Let so much time pass, in the words of timedelta."""
        self.moment += timedelta(**duration)


@pytest.fixture
def clock() -> SteppingClock:
    """The clock of this test's domain."""
    return SteppingClock()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def dialect(request: pytest.FixtureRequest) -> str:
    """Each test that uses it runs on SQLite and on PostgreSQL."""
    return str(request.param)


@pytest.fixture
async def database_url(dialect: str, tmp_path: Path) -> AsyncIterator[str]:
    """An empty database of its own for this test."""
    if dialect == "sqlite":
        yield f"sqlite:///{tmp_path}/incidents.db"
        return
    name = f"incidentql_test_{uuid.uuid4().hex[:12]}"
    server = await asyncpg.connect(postgres_url())
    try:
        await server.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
        yield postgres_url().rsplit("/", 1)[0] + f"/{name}"
        await server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    finally:
        await server.close()


@pytest.fixture
def settings(database_url: str) -> Settings:
    """The settings of this test's domain; durability is for the crash tests, which set it themselves."""
    return Settings(database_url=database_url, sqlite_synchronous="NORMAL", poll_seconds=0.05)


@pytest.fixture
async def domain(settings: Settings, clock: SteppingClock) -> AsyncIterator[Domain]:
    """The running domain on an empty database."""
    async with running_domain(settings, clock=clock) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("ADMIN_TOKEN", "DATABASE_URL", "BROADCAST_URL", "HOST", "PORT"):
        monkeypatch.delenv(f"INCIDENTQL_{name}", raising=False)
    yield
