import asyncio
import os
import re
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import pytest_asyncio

from domain.bootstrap import running_domain
from domain.settings import Settings
from tests.benchmarks.http.__main__ import print_row
from tests.benchmarks.http.documents import BY_ID, LOG, ROWS, Row
from tests.benchmarks.http.growth import growth_of
from tests.benchmarks.http.instructions import counted
from tests.benchmarks.http.measuring import DifferentError, Figures, Subject, check_alike, measured
from tests.benchmarks.http.peers.handwritten import application
from tests.benchmarks.http.samples import Samples, samples_of
from tests.benchmarks.http.servers import EVERYTHING, HAND_WRITTEN, OURS, TOKEN, Server
from tests.benchmarks.servers import MissingError, Running
from tests.gql.transport.serving import serving, serving_app

#: An id that was made for the row, or a moment.
_OWN = re.compile(r"(?:inc|upd|chg|tok)_[0-9a-z]{26}|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\.\d+Z?")
pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass(frozen=True, slots=True)
class Pair:
    """The one written by hand and ours, each on its own copy of the same data."""

    theirs: Subject
    ours: Subject
    files: tuple[Path, Path]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pair]:
    folder = tmp_path_factory.mktemp("pair")
    theirs, ours = folder / "theirs.db", folder / "ours.db"
    async with running_domain(Settings(database_url=f"sqlite:///{ours}", rate_limit=0)) as domain:
        await domain.tokens.ensure_admin(TOKEN)
        await domain.demo.fill(60)
        _copy(ours, theirs)
        samples = samples_of(f"sqlite:///{theirs}")
        async with serving_app(application(str(theirs), EVERYTHING)) as one, serving(domain) as other:
            yield Pair(await _subject(HAND_WRITTEN, one, samples), await _subject(OURS, other, samples), (theirs, ours))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
async def test_ours_and_the_one_written_by_hand_answer(
    row: Row, pair: Pair, capsys: pytest.CaptureFixture[str]
) -> None:
    subjects = (pair.theirs, pair.ours)
    if not row.writes:
        await asyncio.to_thread(check_alike, subjects, row)
    figures = await asyncio.to_thread(measured, subjects, row, rounds=1, seconds=0, warm_up=2)
    assert [one.complaint for one in figures] == ["", ""]
    print_row(row, dict(zip(("hand-written", "ours"), figures, strict=True)), size="60")
    assert capsys.readouterr().out.startswith(f"\n{row.title}, 60\nserver")


@pytest.mark.parametrize("row", [row for row in ROWS if row.writes], ids=lambda row: row.name)
async def test_writes_by_hand_leave_the_very_rows_that_ours_leave(row: Row, pair: Pair) -> None:
    before = [_counts(file) for file in pair.files]
    for subject in (pair.theirs, pair.ours):
        assert not (await asyncio.to_thread(subject.warm_up, row, requests=1)).failures
    theirs, ours = (_added(file, old) for file, old in zip(pair.files, before, strict=True))
    assert theirs == ours
    assert len(ours["changes"]) == 1


async def test_servers_that_answer_differently_are_not_compared(pair: Pair) -> None:
    samples = samples_of(f"sqlite:///{pair.files[0]}")
    others = replace(samples, incidents=list(reversed(samples.incidents)))
    subject = await _subject(HAND_WRITTEN, f":{pair.theirs.port}", others)
    with pytest.raises(DifferentError, match="by_id: ours and hand-written differ"):
        await asyncio.to_thread(check_alike, (pair.ours, subject), BY_ID)


async def test_growth_is_from_the_smallest_size_to_the_largest() -> None:
    def costs(*micros: float) -> dict[str, Figures]:
        return {name: figures(cost) for name, cost in zip(("hand-written", "ours"), micros, strict=False)}

    def figures(micros: float) -> Figures:
        return Figures(cpu_micros=micros, p50_millis=1, p99_millis=1, per_second=1, failures=0, complaint="")

    tables = {"1k": {"by_id": costs(100, 150), "log": costs(7)}, "1m": {"by_id": costs(120, 240), "log": costs(9)}}
    head, line = growth_of(tables, (BY_ID, LOG))
    assert head.split()[-4:] == ["1k", "1m", "growth", "goal"]
    assert line.split()[-6:] == ["150", "(1.50)", "240", "(2.00)", "1.60", "1.6"]


async def test_counting_instructions_without_valgrind_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingError, match="needs valgrind"):
        counted(HAND_WRITTEN, "sqlite:///none.db", ROWS)


async def _subject(server: Server, address: str, samples: Samples) -> Subject:
    process = Running(int(address.rpartition(":")[2]), os.getpid())
    return await asyncio.to_thread(Subject, server, process, samples, token=TOKEN, dialect="sqlite")


def _copy(source: Path, target: Path) -> None:
    copied, copy = sqlite3.connect(source), sqlite3.connect(target)
    copied.backup(copy)
    copied.close()
    copy.close()


def _counts(file: Path) -> dict[str, int]:
    with _reading(file) as database:
        listed = database.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'search_words%'"
        )
        names = [name for (name,) in listed.fetchall()]
        return {name: database.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in names}


def _added(file: Path, before: dict[str, int]) -> dict[str, list[str]]:
    """The new rows of each table, without ids and moments of their own."""
    with _reading(file) as database:
        return {
            name: [
                _OWN.sub("*", repr(row))
                for row in database.execute(f'SELECT * FROM "{name}" ORDER BY rowid DESC LIMIT {count - before[name]}')
            ]
            for name, count in _counts(file).items()
            if count != before[name]
        }


@contextmanager
def _reading(file: Path) -> Iterator[sqlite3.Connection]:
    database = sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)
    try:
        yield database
    finally:
        database.close()
