"""The system's clock."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from domain.clock import Clock


def test_now_is_aware_utc_in_whole_milliseconds() -> None:
    now = Clock().now()
    assert now.tzinfo is UTC
    assert now.microsecond % 1000 == 0
    assert timedelta() <= datetime.now(UTC) - now < timedelta(seconds=5)


@pytest.mark.parametrize("year", [1970, 2026, 2200])
def test_each_millisecond_is_a_moment_of_its_own(monkeypatch: pytest.MonkeyPatch, year: int) -> None:
    began = datetime(year, 1, 2, tzinfo=UTC)
    seconds = int(began.timestamp())
    for millis in range(1000):
        monkeypatch.setattr(time, "time_ns", lambda millis=millis: (seconds * 1000 + millis) * 1_000_000 + 999_999)
        assert Clock().now() == began + timedelta(milliseconds=millis)
