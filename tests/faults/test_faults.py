"""The counts of the harness, and the order by which one process of several dies; the harness itself is a command."""

import asyncio
import random
from pathlib import Path
from typing import Any

import httpx
from typing_extensions import override

from domain.bootstrap import Domain
from domain.entities.incident import INCIDENT
from tests.e2e.api import Api
from tests.e2e.audit import Truth
from tests.e2e.patience import AwayError, PatientApi
from tests.e2e.writers import Writers
from tests.factories import ADMIN, log_of, make_incident, make_system
from tests.faults.load import unasked
from tests.faults.outputs import FORMER, PRESENT, tracebacks
from tests.faults.patches import BEFORE_COMMIT, _is_told
from tests.inside import inside


def test_one_process_alone_takes_the_order_to_die(tmp_path: Path) -> None:
    order = tmp_path / BEFORE_COMMIT
    assert not _is_told(order)
    order.touch()
    assert [_is_told(order), _is_told(order)] == [True, False]


def test_tracebacks_are_counted_by_what_was_logged_and_raised() -> None:
    output = f"""{PRESENT}
2026-01-01 00:00:00,001 ERROR domain.outages: the database is not available: refused
2026-01-01 00:00:00,002 ERROR dbos: workflow 0123456789ab failed
Traceback (most recent call last):
  File "a.py", line 1, in a
sqlite3.OperationalError: disk I/O error

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "b.py", line 2, in b
sqlalchemy.exc.OperationalError: (sqlite3.OperationalError) disk I/O error
[SQL: COMMIT]
2026-01-01 00:00:00,003 WARNING gql: slow
{FORMER}
2026-01-01 00:00:00,004 ERROR dbos: workflow failed
Traceback (most recent call last):
KeyError: 'a'
{PRESENT}
Traceback (most recent call last):
RuntimeError: outside of the log
"""
    assert tracebacks(output) == {
        "ERROR dbos: workflow N failed <- sqlalchemy.exc.OperationalError": 1,
        "Traceback (most recent call last): <- RuntimeError": 1,
    }


async def test_writers_rest_once_each_request_has_its_answer() -> None:
    answer = asyncio.Event()

    class Slow(PatientApi):
        @override
        async def attempt(self, mutation: str, **input: Any) -> dict[str, Any]:
            await answer.wait()
            raise AwayError("away")

    async with httpx.AsyncClient() as client:
        writers = Writers(api=Slow(client, ""), random=random.Random(1))
        writers.up.set()
        writing = [asyncio.create_task(writers.run()) for _ in range(3)]
        await asyncio.sleep(0)  # each has its turn
        resting = asyncio.create_task(writers.rest())
        for _ in range(5):
            await asyncio.sleep(0)
        assert (resting.done(), writers.cut_off) == (False, 0)
        answer.set()
        await resting
        assert writers.cut_off == len(writing)
        for each in writing:
            each.cancel()
        await asyncio.wait(writing)


async def test_only_writes_that_nobody_sent_are_violations(domain: Domain) -> None:
    system = await make_system(domain, "gone")
    await make_incident(domain, "gone")
    await domain.systems.delete(ADMIN, "gone")
    log = [change for change in await log_of(domain) if change.kind == INCIDENT.name]
    truth = Truth(log=log, versions={}, stepped={}, systems=set(), unsettled=(), cursors=inside(domain).cursors)
    async with httpx.AsyncClient() as client:
        # One request had no answer: it opened the incident. That it left its system follows from the system's end.
        writers = Writers(api=Api(client, ""), random=random.Random(1), cut_off=1, systems={"gone": system.id})
        assert len(unasked(writers, truth)) == 1
        writers.systems_doomed.add("gone")
        assert unasked(writers, truth) == []
        writers.cut_off = 0
        assert len(unasked(writers, truth)) == 1
