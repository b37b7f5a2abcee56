import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from domain.bootstrap import Domain
from domain.persistence.unit_of_work import UnitOfWork
from domain.persistence.write_ahead import KEPT_BYTES, WriteAheadLog
from tests.factories import make_incident
from tests.inside import inside

MEGABYTES = (KEPT_BYTES >> 20) + 1


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_growth_and_shrinking_of_the_write_ahead_log_are_logged_once(
    domain: Domain, caplog: pytest.LogCaptureFixture
) -> None:
    file = Path(domain.settings.database_url.removeprefix("sqlite:///"))
    log = WriteAheadLog(file, large_bytes=KEPT_BYTES, look_seconds=0)
    inside(domain).database.on_append(log.written)
    with closing(sqlite3.connect(file, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM incidents").fetchone()
        await inside(domain).database.write(grow)
        await make_incident(domain)
        await make_incident(domain)
        assert size_of(file) > KEPT_BYTES
        assert [record.message.split(":")[0] for record in caplog.records] == [
            f"{file}-wal has grown to {MEGABYTES} MB"
        ]
    for _ in range(3):  # one writes everything back, the next restarts the log
        await make_incident(domain)
    assert size_of(file) <= KEPT_BYTES
    assert [record.message.split(":")[0] for record in caplog.records][1:] == [f"{file}-wal is small again"]


def test_the_write_ahead_log_is_checked_at_intervals(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log = WriteAheadLog(tmp_path / "a.db", large_bytes=1, look_seconds=3600)
    log.written()  # there is none yet
    (tmp_path / "a.db-wal").write_text("large")
    log.written()
    assert caplog.records == []


def size_of(file: Path) -> int:
    return Path(f"{file}-wal").stat().st_size


async def grow(unit: UnitOfWork) -> None:
    await unit.connection.exec_driver_sql(f"CREATE TABLE much AS SELECT zeroblob({MEGABYTES << 20}) AS bytes")
