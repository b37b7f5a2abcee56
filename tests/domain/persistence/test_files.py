import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from domain.bootstrap import running_domain
from domain.errors import StartupError
from domain.persistence.engines import create_engines, database_url
from domain.persistence.files import make_private, tighten, tighten_database
from domain.persistence.migrate import migrate
from domain.settings import Settings
from tests.factories import make_incident, make_secret


@pytest.fixture(autouse=True)
def _no_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, str]:
    return {path.name: oct(stat.S_IMODE(path.stat().st_mode)) for path in folder.iterdir()}


async def test_every_file_of_a_server_is_its_owners_alone(tmp_path: Path) -> None:
    settings = Settings(database_url=f"sqlite:///{tmp_path}/incidents.db", sqlite_synchronous="NORMAL")
    async with running_domain(settings) as domain:
        await make_incident(domain)
        await make_secret(domain)
        endings = ("", "-wal", "-shm", "-slots", ".key")
        assert modes(tmp_path) == {f"incidents.db{ending}": "0o600" for ending in endings}


async def test_a_new_file_is_private_before_sqlite_opens_the_file(tmp_path: Path) -> None:
    seen: list[dict[str, str]] = []
    engines = create_engines(database_url(f"sqlite:///{tmp_path}/new.db"))

    @sa.event.listens_for(engines.writer.sync_engine, "do_connect")
    def look(*_: Any) -> None:
        seen.append(modes(tmp_path))

    async with engines.writer.connect():
        assert seen == [{"new.db": "0o600"}]
    await engines.dispose()


@pytest.mark.parametrize(("mode", "after"), [(0o644, 0o600), (0o666, 0o600), (0o640, 0o640), (0o660, 0o660)])
async def test_a_world_readable_database_is_made_private_and_a_group_readable_one_stays(
    tmp_path: Path, sqlite_template: Path, caplog: pytest.LogCaptureFixture, mode: int, after: int
) -> None:
    file = tmp_path / "old.db"
    shutil.copy(sqlite_template, file)
    file.chmod(mode)
    engines = create_engines(database_url(f"sqlite:///{file}"))
    async with engines.reader.connect() as connection:
        await connection.execute(sa.text("SELECT * FROM incidents"))
        await migrate(engines)
        assert modes(tmp_path) == {f"old.db{ending}": oct(after) for ending in ("", "-wal", "-shm")}
    await engines.dispose()
    assert len(caplog.messages) == (0 if mode == after else 3)


async def test_a_file_that_is_no_database_is_not_modified(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "letter.txt"
    file.write_text("Dear all, " * 100)
    engines = create_engines(database_url(f"sqlite:///{file}"))
    with pytest.raises(StartupError):
        await migrate(engines)
    await engines.dispose()
    assert (modes(tmp_path), caplog.messages) == ({"letter.txt": "0o666"}, [])


def test_a_symbolic_link_leads_to_a_private_file(tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to(tmp_path / "real.db")
    make_private(tmp_path / "link.db")
    assert modes(tmp_path) == {"link.db": "0o600", "real.db": "0o600"}


def test_a_file_that_cannot_be_made_private_is_logged_and_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "old.db").touch(0o644)
    monkeypatch.setattr(Path, "chmod", _refuse)
    tighten(tmp_path / "old.db")
    [message] = caplog.messages
    assert message.endswith("stays so: Operation not permitted")


def test_checking_a_database_file_keeps_its_locks(tmp_path: Path) -> None:
    file = tmp_path / "locked.db"
    make_private(file)
    owner = sqlite3.connect(file, isolation_level=None)
    owner.execute("CREATE TABLE things (id INTEGER)")
    owner.execute("BEGIN EXCLUSIVE")
    make_private(file)
    tighten_database(file)
    script = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('SELECT * FROM things')"
    other = subprocess.run([sys.executable, "-c", script, file], check=False, capture_output=True, text=True)
    owner.close()
    assert other.stderr.strip().endswith("database is locked")


def _refuse(*_: Any) -> None:
    raise PermissionError(1, "Operation not permitted")
