import logging

import pytest

from domain.errors import UnavailableError
from domain.outages import Outage, logging_failures

logger = logging.getLogger(__name__)


@pytest.fixture(autouse=True)
def _never_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("domain.outages._QUIET_SECONDS", 0.0)


def test_an_outage_is_logged_at_its_start_and_at_its_end(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    outage = Outage("the mill")
    for _ in range(2):
        outage.works()
        for _ in range(100):
            outage.failed("no wind")
        assert outage.is_on
        outage.works()
        assert not outage.is_on
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"] * 2
    assert caplog.messages[0] == "the mill is not available: no wind"
    assert caplog.messages[1].startswith("the mill is available again, after 0.")


def test_an_outage_is_not_over_while_some_requests_fail(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("domain.outages._QUIET_SECONDS", 1000.0)
    outage = Outage("the mill")
    for _ in range(10):
        outage.failed("little wind")
        outage.works()
    assert outage.is_on
    assert len(caplog.records) == 1


def test_an_outage_lasts_until_the_first_success_not_until_the_log_line(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr("domain.outages.time.monotonic", lambda: now)
    outage = Outage("the mill", quiet_seconds=45)
    for moment in (0.0, 30.0, 60.0):
        now = moment
        outage.failed("no wind")
        now = moment + 10
        outage.works()
    now = 104.0
    outage.works()
    assert outage.is_on
    now = 105.0
    outage.works()
    assert caplog.messages[1:] == ["the mill is available again, after 70.0 s"]


def test_logging_failures_logs_a_fault_with_its_trace_and_no_outage(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    with logging_failures(logger, "the %s stopped", "mill"):
        raise UnavailableError
    assert caplog.records == []
    with logging_failures(logger, "the %s stopped", "mill"):
        raise ValueError("a fault")
    [record] = caplog.records
    assert (record.message, record.exc_info is not None) == ("the mill stopped", True)
