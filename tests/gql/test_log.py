"""The log: objects for programs, the request that a line is about, and operations that took long."""

import json
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from typing_extensions import override

from domain.bootstrap import running_domain
from domain.errors import StartupError
from domain.settings import Settings
from gql.app import create_app
from gql.cli.log_lines import JsonFormatter
from gql.requests.current import doing
from gql.requests.slow import AtOnce, SlowOperations
from tests.conftest import SteppingClock

SECRET = "an-admin-token-for-tests"
QUERY = "query HowManyOpen { incidents { totalCount } }"


def read(record: logging.LogRecord) -> dict[str, Any]:
    """Return a record as a program reads it."""
    line = JsonFormatter().format(record)
    assert "\n" not in line
    said: dict[str, Any] = json.loads(line)
    return said


def record_of(message: str, *arguments: object, **extra: object) -> logging.LogRecord:
    record = logging.LogRecord("domain.part", logging.WARNING, __file__, 1, message, arguments, None)
    record.__dict__.update(extra)
    return record


@pytest.fixture
async def http(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of an application for which all operations are slow."""
    settings = replace(settings, slow_operation_millis=0.000_001)
    async with running_domain(settings, clock=SteppingClock(), live=False) as domain:
        await domain.tokens.ensure_admin(SECRET)
        transport = httpx.ASGITransport(app=create_app(domain))
        headers = {"authorization": f"Bearer {SECRET}", "x-request-id": "req-of-mine"}
        async with httpx.AsyncClient(transport=transport, base_url="http://incidents.test", headers=headers) as client:
            yield client


def test_a_line_for_programs_says_when_where_and_what() -> None:
    said = read(record_of("%s came\nand went", "it", attempt=2, created=1_772_000_000.123))
    assert said == {
        "time": "2026-02-25T06:13:20.123Z",
        "level": "WARNING",
        "logger": "domain.part",
        "message": "it came\nand went",
        "attempt": 2,
    }


def test_a_failure_is_in_its_line_as_a_whole() -> None:
    record = record_of("it failed")
    with pytest.raises(ValueError, match="of some kind") as raised:
        int("of some kind")
    record.exc_info = (raised.type, raised.value, raised.tb)
    assert read(record)["exception"].endswith("'of some kind'")


def test_a_line_within_a_request_names_it() -> None:
    with doing("req-1") as request:
        request.operation, request.viewer = "Board", "viewer"
        said = read(record_of("something"))
    assert {name: said[name] for name in ("request_id", "operation", "viewer")} == {
        "request_id": "req-1",
        "operation": "Board",
        "viewer": "viewer",
    }
    assert "request_id" not in read(record_of("something"))


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_a_slow_operation_is_logged_by_its_name_and_nothing_else(
    http: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    lines: list[dict[str, Any]] = []

    class Keeping(logging.Handler):
        @override
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(read(record))

    handler, logger = Keeping(), logging.getLogger("gql.requests.slow")
    logger.addHandler(handler)
    try:
        for _ in range(3):
            answer = await http.post("/graphql", json={"query": QUERY})
            assert answer.headers["x-request-id"] == "req-of-mine"
    finally:
        logger.removeHandler(handler)
    assert [line["operation"] for line in lines] == ["HowManyOpen"] * 3
    assert ["by the executor" in line["message"] for line in lines] == [True, True, False]
    assert not [line for line in lines if SECRET in json.dumps(line) or "totalCount" in json.dumps(line)]


def test_of_many_slow_operations_few_are_logged_and_the_rest_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    slow = SlowOperations(100, now=lambda: now[0])
    for _ in range(25):
        slow.note(AtOnce(name="Board", cost=3), 0.25, began=0.0)
    now[0] += 61
    slow.note(AtOnce(name=None, cost=3), 0.25, began=0.0)
    assert len(caplog.messages) == 12
    assert caplog.messages[0].startswith("slow query Board: 250 ms")
    assert caplog.messages[10] == "15 more operations were slow"
    assert "without a name" in caplog.messages[11]


def test_no_operation_is_slow_without_a_bound() -> None:
    assert SlowOperations(0).seconds == float("inf")


@pytest.mark.parametrize("changes", [{"log_format": "xml"}, {"slow_operation_millis": -1.0}], ids=str)
def test_a_form_of_the_log_that_there_is_not_stops_the_start(changes: dict[str, Any]) -> None:
    with pytest.raises(StartupError, match="INCIDENTQL_"):
        Settings(**changes)
