"""The system's clock."""

from datetime import UTC, datetime, timedelta

from domain.clock import Clock


def test_now_is_aware_utc_in_whole_milliseconds() -> None:
    now = Clock().now()
    assert now.tzinfo is UTC
    assert now.microsecond % 1000 == 0
    assert timedelta() <= datetime.now(UTC) - now < timedelta(seconds=5)
