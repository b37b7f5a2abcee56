"""The fixtures of all tests: both databases, a clock that stands still, and the running domain."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, AsyncExitStack, contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, cast

import psycopg
import pytest
import sqlalchemy as sa
from typing_extensions import override

from domain.bootstrap import Domain, running_domain
from domain.clock import Clock
from domain.persistence import prepared
from domain.persistence.database import Database
from domain.persistence.engines import Engines
from domain.persistence.tables import metadata
from domain.services.forgetting.work import ErasureWork
from domain.services.maintenance.clock import MaintenanceClock
from domain.services.upkeep import Upkeep
from domain.settings import Settings
from tests.addresses import postgres_url
from tests.e2e.databases import fresh_database
from tests.inside import inside
from tests.kept import close_kept_loops, keep_connections, kept_loop, kept_sessions
from tests.templates import copy_database, fresh_name, keep_templates, migrated_file, on_server, run_aside, url_of

pytest_plugins = [
    "tests.cached",
    "tests.garbage",
    "tests.imports",
    "tests.reports",
    "tests.requirements_gate",
    "tests.scheduling",
    "tests.shared",
    "tests.timeouts",
    # After the gate, which it imports: pytest rewrites the assertions of what it loads first.
    "tests.pages",
]

#: A server on PostgreSQL can keep secrets only with a key of its own.
SECRET_KEY = "dGhlIGtleSB0aGF0IGlzIHVzZWQgaW4gb3VyIHRlc3Q="
#: The tables whose rows came with the schema.
_SEEDED = {"counters", "server_state"}
CountStatements = Callable[[], AbstractContextManager[list[str]]]
#: A function of the emptying session, because the database plans each of its statements once.
_EMPTY = "\n".join(
    [
        "CREATE FUNCTION pg_temp.empty(kept int[]) RETURNS void LANGUAGE plpgsql AS $$ BEGIN",
        "PERFORM pg_terminate_backend(pid) FROM pg_stat_activity",
        "WHERE datname = current_database() AND pid <> pg_backend_pid() AND pid <> ALL (kept);",
        *(f"DELETE FROM {table.name};" for table in reversed(metadata.sorted_tables) if table.name not in _SEEDED),
        "DELETE FROM dbos.workflow_status;",
        "UPDATE counters SET value = 0 WHERE value <> 0;",
        "UPDATE server_state SET value = '0' WHERE name = 'log_floor' AND value <> '0';",
        *(f"PERFORM setval('{name}_seq', 1, false);" for name in ("changes_seq", "entity_transitions_id")),
        "END $$",
    ]
)
_sent: ContextVar[list[str] | None] = ContextVar("sent", default=None)


class SteppingClock(Clock):
    """A clock that moves on by a second at each reading, and on demand."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
        self.step = timedelta(seconds=1)
        self._waiting: dict[asyncio.Event, datetime] = {}

    @override
    def now(self) -> datetime:
        """Return the next moment."""
        self.moment += self.step
        return self.moment

    def advance(self, **duration: float) -> None:
        """Advance the time, with the arguments of timedelta; waiters for a moment that has come resume."""
        self.moment += timedelta(**duration)
        for event, until in list(self._waiting.items()):
            if until <= self.moment:
                event.set()

    @override
    async def wait(self, wake: asyncio.Event, *, until: datetime) -> None:
        """Wait until the event is set, or until the clock has passed that moment."""
        if until > self.moment:
            self._waiting[wake] = until
            try:
                await wake.wait()
            finally:
                del self._waiting[wake]
        wake.clear()


@pytest.fixture
def clock() -> SteppingClock:
    """Return the clock of this test's domain."""
    return SteppingClock()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def dialect(request: pytest.FixtureRequest) -> str:
    """Run the test on SQLite and on PostgreSQL."""
    return str(request.param)


@pytest.fixture(scope="session")
def sqlite_template() -> Path:
    """Return a migrated SQLite file to copy, because migrating takes longer than most tests."""
    return migrated_file()


@pytest.fixture(scope="session")
def postgresql_template() -> Iterator[str]:
    """Yield a migrated PostgreSQL database to empty before each test, because creating one takes longer still."""
    name = fresh_name()
    run_aside(copy_database(name))
    yield url_of(name)
    run_aside(on_server(postgres_url(), f'DROP DATABASE "{name}" WITH (FORCE)'))


@pytest.fixture(scope="session")
def emptied(postgresql_template: str) -> Iterator[Callable[[], None]]:
    """Yield a function that empties the database, over one connection, because each has to query the tables first."""

    def connect() -> psycopg.Connection:
        connection = psycopg.connect(postgresql_template, autocommit=True)
        connection.execute(_EMPTY)
        return connection

    connection = connect()

    def empty() -> None:
        nonlocal connection
        try:
            connection.execute("SELECT pg_temp.empty(%s)", [kept_sessions()], prepare=True)
        except psycopg.OperationalError:
            # A test ended the sessions of this database.
            connection.close()
            connection = connect()
            connection.execute("SELECT pg_temp.empty(%s)", [kept_sessions()])

    with pytest.MonkeyPatch.context() as patch:
        keep_connections(patch, postgresql_template.rpartition("/")[2])
        yield empty
    connection.close()


@pytest.fixture
def template(dialect: str, request: pytest.FixtureRequest) -> str:
    """Return the file to copy, or the address of the database to empty."""
    return str(request.getfixturevalue(f"{dialect}_template"))


@pytest.fixture
def database_url(dialect: str, template: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """Yield a migrated database without data, for this test alone."""
    if dialect == "postgresql":
        request.getfixturevalue("emptied")()
        yield template
        return
    # A folder of its own would cost as much as the copy; what is removed at once is never written to a disk.
    file = Path(template).with_name(f"{fresh_name()}.db")
    shutil.copy(template, file)
    yield f"sqlite:///{file}"
    for each in file.parent.iterdir():
        if each.name.startswith(file.name):
            each.unlink()


@pytest.fixture
async def empty_database_url(dialect: str, tmp_path: Path) -> AsyncIterator[str]:
    """Yield a database without a schema of its own for this test."""
    if dialect == "sqlite":
        yield f"sqlite:///{tmp_path}/empty.db"
        return
    name = fresh_name()
    await on_server(postgres_url(), f'CREATE DATABASE "{name}" TEMPLATE template0')
    yield url_of(name)
    await on_server(postgres_url(), f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
async def own_database_url(dialect: str) -> AsyncIterator[str]:
    """Yield a migrated database of its own for this test, which may change the schema."""
    async with fresh_database(dialect) as url:
        yield url


@pytest.fixture
def settings(database_url: str) -> Settings:
    """Return the settings of this test's domain, without durability, which crash tests set themselves."""
    return Settings(
        database_url=database_url,
        sqlite_synchronous="NORMAL",
        poll_seconds=0.05,
        automations=False,
        webhooks=False,
        secret_key=SECRET_KEY,
        http_allow=("127.0.0.1",),
        slow_operation_millis=0,
    )


@pytest.fixture
async def domain(settings: Settings, clock: SteppingClock) -> AsyncIterator[Domain]:
    """Yield the running domain on an empty database, which is known to be migrated."""
    async with AsyncExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("domain.bootstrap.migrate", _is_migrated)
            patch.setattr("domain.bootstrap.Upkeep", _NoUpkeep)
            patch.setattr("domain.services.forgetting.making.ErasureWork", DrivenErasureWork)
            patch.setattr("domain.services.maintenance.service.MaintenanceClock", DrivenMaintenanceClock)
            running = await stack.enter_async_context(running_domain(settings, clock=clock))
        yield running


async def _is_migrated(_: Engines) -> None:
    """Do nothing: the database comes from the template."""


class _NoUpkeep(Upkeep):
    """No upkeep: an empty database has nothing to prune."""

    @override
    async def run(self, stopping: asyncio.Event) -> None:
        await stopping.wait()


class DrivenMaintenanceClock(MaintenanceClock):
    """A clock of maintenance that only tests drive."""

    @override
    async def run(self, stopping: asyncio.Event) -> None:
        await stopping.wait()


class DrivenErasureWork(ErasureWork):
    """The work of erasures that only tests drive."""

    @override
    async def run(self, stopping: asyncio.Event) -> None:
        await stopping.wait()


@pytest.fixture(scope="session", autouse=True)
def _no_settings_from_outside() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("ADMIN_TOKEN", "DATABASE_URL", "BROADCAST_URL", "HOST", "PORT", "SECRET_KEY"):
            patch.delenv(f"INCIDENTQL_{name}", raising=False)
        yield


@pytest.fixture
def count_statements(domain: Domain) -> Iterator[CountStatements]:
    """Return a context that collects the statements sent within it; those of the log's tail do not count.

    Nor the one that finds a caller's token, because most requests know the token already. Queries are not compiled
    within it: a compiled one is a single statement of its own, wherever it was seen before.
    """

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        aside = statement.startswith(("BEGIN", "PRAGMA")) or "WHERE api_tokens.token_digest" in statement
        if (sent := _sent.get()) is not None and not aside:
            sent.append(statement)

    @contextmanager
    def counting() -> Iterator[list[str]]:
        sent: list[str] = []
        token = _sent.set(sent)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Database, "can_project", False)
            yield sent
        _sent.reset(token)

    for engine in engines_of(domain):
        sa.event.listen(engine, "before_cursor_execute", note)
    with pytest.MonkeyPatch.context() as patch:
        find = prepared.driver_of
        patch.setattr(prepared, "driver_of", lambda connection: _Noted(find(connection), partial(note, None, None)))
        yield counting
    for engine in engines_of(domain):
        sa.event.remove(engine, "before_cursor_execute", note)


class _Noted:
    """A driver's connection whose statements are noted, as those are that SQLAlchemy sends."""

    def __init__(self, driver: Any, note: Callable[[str], None]) -> None:
        self._driver = driver
        self._note = note

    def fetch(self, statement: str, *parameters: Any) -> Awaitable[Any]:
        self._note(statement)
        return cast("Awaitable[Any]", self._driver.fetch(statement, *parameters))

    def executemany(self, statement: str, parameters: Any) -> Awaitable[Any]:
        self._note(statement)
        return cast("Awaitable[Any]", self._driver.executemany(statement, parameters))


def engines_of(domain: Domain) -> list[sa.Engine]:
    """Return the engines to listen at for all statements; on PostgreSQL the two share one pool and its events."""
    engines = inside(domain).database._engines
    writer, reader = engines.writer.sync_engine, engines.reader.sync_engine
    return [writer] if writer.pool is reader.pool else [writer, reader]


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Give all tests one loop after another, which keeps connections; those that move its time get one of Python's."""
    return {"own": asyncio.SelectorEventLoop} if item.get_closest_marker("moves_time") else {"kept": kept_loop}


def pytest_configure(config: pytest.Config) -> None:
    """Keep the templates of databases until the end of the run."""
    config.add_cleanup(keep_templates().close)


def pytest_unconfigure() -> None:
    """Close those loops."""
    close_kept_loops()
