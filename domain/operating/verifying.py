"""The inspection of a whole database: on one moment of it, in bounded memory, and without writing anything."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from domain.entities.kinds import KINDS, Kinds
from domain.errors import StartupError, UnavailableError
from domain.operating.checks.entities import check_rows, check_unlogged
from domain.operating.checks.histories import check_histories
from domain.operating.checks.incidents import (
    check_entries,
    check_incidents,
    check_links,
    check_numbers,
    check_search,
)
from domain.operating.checks.log import check_log, check_places
from domain.operating.checks.references import (
    check_answers,
    check_file,
    check_orphans,
    check_positions,
    check_schema,
)
from domain.operating.checks.systems import check_systems
from domain.operating.findings import Damage, Finding
from domain.operating.scope import Check, Scope
from domain.persistence.addresses import PostgresAddress
from domain.persistence.database import Database
from domain.persistence.engines import create_engines, database_url
from domain.persistence.inspecting import broken_file
from domain.persistence.migrate import COMPATIBLE_SINCE, can_use, knows_revision
from domain.persistence.unit_of_work import ReadSession
from domain.settings import Settings

#: The file and the schema first: what is wrong there may be why others fail.
CHECKS: Sequence[Check] = (
    check_file,
    check_schema,
    check_places,
    check_log,
    check_rows,
    check_unlogged,
    check_histories,
    check_incidents,
    check_entries,
    check_links,
    check_numbers,
    check_search,
    check_systems,
    check_orphans,
    check_positions,
    check_answers,
)
#: One for the moment that is looked at, and one that a check might open.
_CONNECTIONS = 2


@dataclass(slots=True, kw_only=True)
class Report:
    """The result of an inspection."""

    #: How much was looked at, by name.
    counted: Mapping[str, int] = field(default_factory=dict)
    #: How many damages of each kind were found.
    found: Counter[Damage] = field(default_factory=Counter)

    @property
    def is_sound(self) -> bool:
        """Return whether no damage was found."""
        return not self.found


async def verify(settings: Settings, tell: Callable[[Finding], None]) -> Report:
    """Inspect a whole database and pass on each finding; servers may go on writing.

    Raises:
        StartupError: the database cannot be read, or its schema is not the one of this version.
    """
    report = Report()

    async def inspect(session: ReadSession) -> None:
        scope = await scope_of(session, is_sqlite=database.is_sqlite)
        report.counted = scope.counted
        async for finding in findings(scope):
            report.found[finding.damage] += 1
            tell(finding)

    async with opened(settings) as database:
        try:
            await database.read(inspect)
        except UnavailableError as error:
            damage = broken_file(error.__cause__)
            if damage is None:
                raise StartupError(f"The database cannot be read: {error.__cause__ or error}") from error
            finding = Finding(damage=Damage.FILE, subject="file", expected="to be readable", found=damage)
            report.found[finding.damage] += 1
            tell(finding)
    return report


async def scope_of(session: ReadSession, *, is_sqlite: bool, kinds: Kinds = KINDS) -> Scope:
    """Return the scope of an inspection of this session.

    Raises:
        StartupError: the schema is not the one of this version.
    """
    await _check_revision(session)
    erasing = [known.forgotten for known in await session.erasures.known() if known.forgotten is not None]
    floor, head = await session.changes.floor(), await session.changes.head()
    return Scope(session=session, is_sqlite=is_sqlite, floor=floor, head=head, kinds=kinds, erasing=erasing)


async def findings(scope: Scope) -> AsyncIterator[Finding]:
    """Yield all that the checks find."""
    for check in CHECKS:
        async for finding in check(scope):
            yield finding


async def _check_revision(session: ReadSession) -> None:
    if not await session.state.has_schema():
        raise StartupError("The database has no schema: incidentql has never been started on it.")
    revision, since = await session.state.revision(), await session.state.get(COMPATIBLE_SINCE)
    if can_use(revision, since):
        return
    if knows_revision(revision):
        raise StartupError(f"The database has an older schema ({revision}): run `incidentql migrate` first.")
    raise StartupError(f"The database has a newer schema ({revision}) than this version can use: update incidentql.")


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Database]:
    """Open a database without migrating it, and without making a file where there is none.

    Raises:
        StartupError: there is no such file.
    """
    url = database_url(settings.database_url)
    if not isinstance(url, PostgresAddress) and not await asyncio.to_thread(Path(url.database or "").exists):
        raise StartupError(f"There is no database file {url.database}.")
    engines = create_engines(url, connections=_CONNECTIONS, has_direct=settings.direct_database_url is not None)
    database = Database(engines)
    try:
        yield database
    finally:
        await database.close()
        await engines.dispose()
