"""The text form of moments."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidInputError
from domain.model.moment import cut, iso, parse_iso
from tests.examples import examples

moments = st.datetimes(timezones=st.timedeltas(timedelta(hours=-14), timedelta(hours=14)).map(timezone)).filter(
    lambda moment: 1 < moment.year < 9999
)


def test_a_moment_is_written_in_utc_with_milliseconds() -> None:
    moment = datetime(2026, 3, 1, 10, 30, 0, 123_456, tzinfo=timezone(timedelta(hours=1)))
    assert iso(moment) == "2026-03-01T09:30:00.123Z"


@examples(100)
@given(moment=moments | st.datetimes(timezones=st.just(UTC)))
def test_a_moment_is_written_as_python_writes_it(moment: datetime) -> None:
    assert iso(moment) == moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@examples(100)
@given(moment=moments | st.datetimes(timezones=st.just(UTC)))
def test_a_moment_is_cut_to_milliseconds_where_it_is(moment: datetime) -> None:
    assert cut(moment) == moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    assert cut(moment).tzinfo is moment.tzinfo


@pytest.mark.parametrize(
    "text", ["2026-03-01T09:30:00.123Z", "2026-03-01T10:30:00.123+01:00", "2026-03-01T09:30:00.123999+00:00"]
)
def test_a_moment_is_read_from_any_offset_and_cut_to_milliseconds(text: str) -> None:
    assert parse_iso(text) == datetime(2026, 3, 1, 9, 30, 0, 123_000, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01T00:00:00Z", "2026-03-01T09:30:00", "2026-03-01"])
def test_a_text_that_is_no_moment_or_lacks_an_offset_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError):
        parse_iso(text)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_moment_beyond_the_calendar_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError):
        parse_iso(text)


def test_a_refusal_shows_forty_characters_at_most() -> None:
    with pytest.raises(InvalidInputError) as caught:
        parse_iso("x" * 5_000)
    assert len(caught.value.message) < 120
