"""The engine library's log in outages: one line when one begins, and no traceback."""

import logging
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from dbos import DBOS
from sqlalchemy.exc import InvalidatePoolError

from domain.automations.engine.log import take_over_log
from domain.errors import UnavailableError
from domain.outages import Outage
from tests.e2e.server import free_port

_FAILED = "Exception encountered in asynchronous workflow:"
_POOL = logging.getLogger("sqlalchemy.pool.impl.QueuePool")


def _full_disk() -> None:
    with sa.create_engine("sqlite://").connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")
        connection.exec_driver_sql("CREATE TABLE too_much (id INTEGER)")


def _refused_connection() -> None:
    sa.create_engine(f"postgresql+psycopg://nobody@127.0.0.1:{free_port()}/none").connect()


def _lost_pool() -> None:
    try:
        _refused_connection()
    except sa.exc.OperationalError as error:
        raise InvalidatePoolError from error


def _away() -> None:
    raise UnavailableError


def _wrapped() -> None:
    try:
        _full_disk()
    except sa.exc.OperationalError as error:
        raise RuntimeError("the outcome could not be stored") from error


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    take_over_log(Outage("the automations' engine"))
    return caplog


@pytest.mark.parametrize(
    "fail", [_full_disk, _refused_connection, _lost_pool, _away, _wrapped], ids=lambda each: each.__name__
)
@pytest.mark.parametrize("log", [DBOS.logger, _POOL], ids=lambda each: each.name)
def test_an_outage_is_one_line_however_often_it_is_raised(
    fail: Callable[[], None], log: logging.Logger, lines: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        try:
            fail()
        except Exception:
            log.exception(_FAILED)
    assert [(record.levelname, record.exc_info) for record in lines.records] == [("ERROR", None)]
    assert lines.messages[0].startswith("the automations' engine is not available: ")
    assert len(lines.messages[0].splitlines()) == 1


@pytest.mark.parametrize(
    "fault", [KeyError("incident"), FileNotFoundError(2, "No such file"), TimeoutError()], ids=repr
)
@pytest.mark.parametrize("log", [DBOS.logger, _POOL], ids=lambda each: each.name)
def test_a_fault_of_the_code_keeps_its_traceback(
    fault: Exception, log: logging.Logger, lines: pytest.LogCaptureFixture
) -> None:
    log.error(_FAILED, exc_info=fault)
    assert [record.exc_info is not None for record in lines.records] == [True]
    assert lines.messages == [_FAILED]
