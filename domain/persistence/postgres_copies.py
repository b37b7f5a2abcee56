"""Copies of PostgreSQL databases, by PostgreSQL's own programs: pg_dump of one moment, psql all or nothing."""

import asyncio
import os
import re
import shutil
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import asyncpg

from domain.errors import StartupError
from domain.persistence.addresses import PostgresAddress, connect
from domain.persistence.places import PLACES_PER_MILLISECOND, place_of

#: What libpq reads from the environment, where no other user of the machine sees it, unlike arguments.
_VARIABLES = {
    "host": "PGHOST",
    "port": "PGPORT",
    "dbname": "PGDATABASE",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "options": "PGOPTIONS",
    "application_name": "PGAPPNAME",
    "connect_timeout": "PGCONNECT_TIMEOUT",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
    "gssencmode": "PGGSSENCMODE",
    "krbsrvname": "PGKRBSRVNAME",
    "ssl_min_protocol_version": "PGSSLMINPROTOCOLVERSION",
    "ssl_max_protocol_version": "PGSSLMAXPROTOCOLVERSION",
    **{name: f"PG{name.upper()}" for name in ("passfile", "service", "gsslib", "hostaddr")},
    **{name: f"PG{name.upper()}" for name in ("sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl", "sslsni")},
}
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")
#: The tables whose rows say what a backup is of, in the text form of COPY.
_SMALL = ("alembic_version", "server_state")
_ROWS = re.compile(
    r"^COPY \S*?\.?(alembic_version|server_state) \(.*?\) FROM stdin;\n(.*?)^\\\.$", re.MULTILINE | re.DOTALL
)
_CHUNK_BYTES = 1 << 16
_OTHERS = """
    SELECT DISTINCT application_name, coalesce(client_addr::text, 'this machine') FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name LIKE 'incidentql%'
"""
_COUNT = """
    SELECT count(*) FROM information_schema.tables
    WHERE table_schema IN (current_schema(), 'dbos') AND table_type = 'BASE TABLE'
"""
#: All that is in the schemas of this program, which a backup would find in its place; extensions stay.
_EMPTY = r"""
DO $$ DECLARE each record; BEGIN
    DROP SCHEMA IF EXISTS dbos CASCADE;
    FOR each IN SELECT relname FROM pg_class
        WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
        AND NOT EXISTS (SELECT 1 FROM pg_depend WHERE objid = pg_class.oid AND deptype = 'e') LOOP
        EXECUTE format('DROP TABLE IF EXISTS %I CASCADE', each.relname);
    END LOOP;
END $$;
"""
#: After the script of a dump, which leaves an empty search path.
_GO_ON = """
DO $$ DECLARE owner name; head bigint; BEGIN
    SELECT relnamespace::regnamespace::text INTO owner FROM pg_class
        WHERE relname = 'server_state' AND relkind = 'r' LIMIT 1;
    EXECUTE format('SELECT coalesce(max(seq), 0) FROM %s.changes', owner) INTO head;
    PERFORM setval(
        pg_get_serial_sequence(format('%s.changes', owner), 'seq'), greatest({place}, (head / {apart} + 1) * {apart})
    );
END $$;
COMMIT;
"""


async def server_version(address: PostgresAddress) -> int:
    """Return the server's major version.

    Raises:
        StartupError: it cannot be reached.
    """
    async with looking_at(address) as connection:
        return int(connection.get_server_version().major)


async def program(name: str, *, server: int, at_least: bool) -> str:
    """Return the path of one of PostgreSQL's programs whose version fits the server's: the same, or a later one.

    Raises:
        StartupError: there is none.
    """
    path = shutil.which(name)
    install = f"Install PostgreSQL's client programs of version {server} (Debian: postgresql-client-{server})."
    if path is None:
        raise StartupError(f"The program {name} was not found on PATH. {install}")
    process = await asyncio.create_subprocess_exec(path, "--version", stdout=PIPE, stderr=DEVNULL)
    found = _VERSION.search((await process.communicate())[0].decode(errors="replace"))
    version = int(found[1]) if found else 0
    # A later pg_dump reads older servers; a later restore would set what an older server does not have.
    if version != server and not (at_least and version > server):
        raise StartupError(f"{path} has version {version}, and the server {server}. {install}")
    return path


async def dump(pg_dump: str, address: PostgresAddress, target: Path) -> None:
    """Write a dump of one moment, compressed, to a new file.

    Raises:
        StartupError: pg_dump failed; its last line says why.
    """
    arguments = ("--format=custom", "--no-password", f"--file={target}")
    process = await asyncio.create_subprocess_exec(
        pg_dump, *arguments, env=_environment(address), stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE
    )
    await _ended(process, "pg_dump")


async def rows_of_dump(pg_restore: str, file: Path) -> Mapping[str, Sequence[Sequence[str]]]:
    """Return the rows of the tables that say what a dump is of: the revision, and the states.

    Raises:
        StartupError: it is no dump.
    """
    tables = [f"--table={table}" for table in _SMALL]
    process = await asyncio.create_subprocess_exec(
        pg_restore, "--data-only", *tables, "--file=-", str(file), stdin=DEVNULL, stdout=PIPE, stderr=PIPE
    )
    text, error = await process.communicate()
    if process.returncode != 0:
        raise StartupError(f"{file} cannot be read: {_last_line(error)}")
    return {
        name: [line.split("\t") for line in rows.splitlines()]
        for name, rows in _ROWS.findall(text.decode(errors="replace"))
    }


async def restore(
    programs: tuple[str, str], address: PostgresAddress, file: Path, *, force: bool, now: datetime
) -> None:
    """Restore a dump in one transaction, over what is there if so wanted; its log goes on at places of the present.

    Raises:
        StartupError: a program failed, and the database is as it was; the last line of its errors says why.
    """
    pg_restore, psql = programs
    go_on = _GO_ON.format(place=place_of(now, head=0), apart=PLACES_PER_MILLISECOND)
    reading = await asyncio.create_subprocess_exec(
        pg_restore, "--no-owner", "--no-privileges", "--file=-", str(file), stdin=DEVNULL, stdout=PIPE, stderr=PIPE
    )
    # Nothing of it is committed before all of it was read.
    writing = await asyncio.create_subprocess_exec(
        *(psql, "--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1", "--file=-"),
        env=_environment(address),
        stdin=PIPE,
        stdout=DEVNULL,
        stderr=PIPE,
    )
    try:
        await asyncio.gather(
            _pass_on(reading, writing, before=f"BEGIN;\n{_EMPTY if force else ''}", after=go_on),
            _ended(writing, "psql"),
        )
    finally:
        for process in (reading, writing):
            if process.returncode is None:
                process.kill()
                await process.wait()


async def live_servers(address: PostgresAddress) -> Sequence[str]:
    """Return which processes of this program are connected to a database, by name and address."""
    async with looking_at(address) as connection:
        return [f"{name} from {place}" for name, place in await connection.fetch(_OTHERS)]


async def count_tables(address: PostgresAddress) -> int:
    """Return how many tables a database has where this program would keep its own."""
    async with looking_at(address) as connection:
        return int(await connection.fetchval(_COUNT))


class looking_at:  # noqa: N801 - it is used as a function
    """A connection for one look at a database."""

    def __init__(self, address: PostgresAddress) -> None:
        self._address = address

    async def __aenter__(self) -> asyncpg.Connection:
        try:
            self._opened = await connect(self._address, application_name="backup", timezone="UTC")
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise StartupError(f"The database cannot be used: {error or type(error).__name__}") from error
        return self._opened

    async def __aexit__(self, *_: object) -> None:
        await self._opened.close()


async def _pass_on(reading: Process, writing: Process, *, before: str, after: str) -> None:
    assert reading.stdout is not None
    assert reading.stderr is not None
    assert writing.stdin is not None
    errors = asyncio.create_task(reading.stderr.read())
    try:
        writing.stdin.write(before.encode())
        while chunk := await reading.stdout.read(_CHUNK_BYTES):
            writing.stdin.write(chunk)
            await writing.stdin.drain()
        if await reading.wait() != 0:
            writing.kill()
            raise StartupError(f"pg_restore failed: {_last_line(await errors)}")
        writing.stdin.write(after.encode())
        await writing.stdin.drain()
        writing.stdin.close()
    except (BrokenPipeError, ConnectionResetError):
        # It has ended with an error of its own.
        reading.kill()
    finally:
        await errors


async def _ended(process: Process, name: str) -> None:
    assert process.stderr is not None
    error = await process.stderr.read()
    if await process.wait() != 0:
        raise StartupError(f"{name} failed: {_last_line(error)}")


def _last_line(text: bytes) -> str:
    lines = text.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it says nothing"


def _environment(address: PostgresAddress) -> dict[str, str]:
    given = {**address.for_libpq(), "application_name": "backup"}
    known = {_VARIABLES[name]: value for name, value in given.items() if name in _VARIABLES}
    return {**{name: value for name, value in os.environ.items() if not name.startswith("PG")}, **known}
