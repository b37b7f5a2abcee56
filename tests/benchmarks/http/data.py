"""The data: filled once by `incidentql demo`, kept between runs, and copied for each server."""

import asyncio
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from tests.addresses import postgres_url
from tests.benchmarks.servers import ROOT

#: Where filled databases are kept; a million incidents take 14 GB.
CACHE = Path(os.environ.get("INCIDENTQL_BENCHMARK_DATA", Path(tempfile.gettempdir()) / "incidentql-benchmark"))
SIZES = {"1k": 1_000, "10k": 10_000, "100k": 100_000, "1m": 1_000_000}
#: The demonstration fills some 2,000 incidents a second on two cores, and a quarter of that on a busy machine.
_FILL_SECONDS = 7200


def incidentql(checkout: Path, *arguments: str) -> list[str]:
    """The command line of a checkout."""
    python = checkout / ".venv" / "bin" / "python"
    return [str(python if python.exists() else sys.executable), "-m", "gql.cli", *arguments]


def filled(size: int, dialect: str, checkout: Path) -> str:
    """The URL of a database with so many incidents, as this checkout fills it; nobody writes to it any more."""
    name = f"{size}_{_digest(checkout)}"
    if dialect == "postgresql":
        return _filled_postgres(f"incidentql_benchmark_{name}", size, checkout)
    CACHE.mkdir(parents=True, exist_ok=True)
    file = CACHE / f"{name}.db"
    if not file.exists():
        growing = file.with_suffix(".new")
        _remove(growing)
        _fill(f"sqlite:///{growing}", size, checkout)
        growing.rename(file)
    return f"sqlite:///{file}"


def copied(url: str, name: str, folder: Path) -> str:
    """The URL of a copy for one server, to be given to `dropped` afterwards."""
    if url.startswith("sqlite"):
        file = folder / f"{name}.db"
        shutil.copyfile(url.removeprefix("sqlite:///"), file)
        return f"sqlite:///{file}"
    copy = f"incidentql_benchmark_copy_{os.getpid()}_{name}".replace("-", "_").replace(" ", "_")
    _on_postgres(f'CREATE DATABASE "{copy}" TEMPLATE "{urlsplit(url).path[1:]}"')
    return _named(copy)


def dropped(url: str) -> None:
    """Remove a copy."""
    if url.startswith("sqlite"):
        _remove(Path(url.removeprefix("sqlite:///")))
    else:
        _on_postgres(f'DROP DATABASE "{urlsplit(url).path[1:]}" WITH (FORCE)')


def smallest_first(sizes: Sequence[str]) -> list[str]:
    """Return the sizes in their order, each once."""
    return sorted(set(sizes), key=SIZES.__getitem__)


def migrated(url: str) -> str:
    """The same database in the schema of this checkout."""
    _run(incidentql(ROOT, "migrate", "--database-url", url), ROOT)
    return url


def _filled_postgres(name: str, size: int, checkout: Path) -> str:
    if not _exists(name):
        growing = f"{name}_new"
        _on_postgres(f'DROP DATABASE IF EXISTS "{growing}"')
        _on_postgres(f'CREATE DATABASE "{growing}" TEMPLATE template0')
        _fill(_named(growing), size, checkout)
        asyncio.run(_execute(_named(growing), "ANALYZE"))
        _on_postgres(f'ALTER DATABASE "{growing}" RENAME TO "{name}"')
    return _named(name)


def _fill(url: str, size: int, checkout: Path) -> None:
    print(f"filling a database with {size:,} incidents, once", flush=True)
    _run(incidentql(checkout, "demo", "--incidents", str(size), "--database-url", url), checkout)


def _run(command: list[str], checkout: Path) -> None:
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, timeout=_FILL_SECONDS, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stdout[-500:]}{done.stderr[-500:]}")


def _digest(checkout: Path) -> str:
    """Return the digest of what the data depends on: the schema, and the code of the made-up stories."""
    parts = (checkout / "domain" / "persistence" / "migrations" / "versions", checkout / "domain" / "demo")
    files = sorted(file for part in parts for file in part.glob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:10]


def _remove(file: Path) -> None:
    for suffix in ("", "-wal", "-shm", ".key"):
        Path(f"{file}{suffix}").unlink(missing_ok=True)


def _named(name: str) -> str:
    return f"{postgres_url().rsplit('/', 1)[0]}/{name}"


def _exists(name: str) -> bool:
    return bool(asyncio.run(_execute(postgres_url(), f"SELECT 1 FROM pg_database WHERE datname = '{name}'")))


def _on_postgres(statement: str) -> None:
    asyncio.run(_execute(postgres_url(), statement))


async def _execute(url: str, statement: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        rows: list[asyncpg.Record] = await connection.fetch(statement)
        return rows
    finally:
        await connection.close()
