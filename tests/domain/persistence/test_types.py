"""The types of columns: their spelling in each database."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import sqlite

from domain.persistence.engines import dialect_of
from domain.persistence.types import UtcDateTime
from tests.examples import examples

offsets = st.timedeltas(timedelta(hours=-14), timedelta(hours=14)).map(timezone)
moments = st.datetimes(timezones=offsets).filter(lambda moment: 1 < moment.year < 9999)


@examples(100)
@given(moment=moments)
def test_moments_are_spelled_in_sqlite_as_sqlalchemy_spells_them(moment: datetime) -> None:
    dialect: Any = sqlite.dialect()
    theirs: Any = sa.DateTime(timezone=True).dialect_impl(dialect).bind_processor(dialect)
    assert stored(moment, sqlite=True) == theirs(moment.astimezone(UTC).replace(tzinfo=None))


@pytest.mark.parametrize("sqlite_has_it", [True, False])
def test_no_moment_is_stored_as_none_and_a_naive_one_is_refused(sqlite_has_it: bool) -> None:
    assert stored(None, sqlite=sqlite_has_it) is None
    with pytest.raises(ValueError, match="naive datetime"):
        stored(datetime(2026, 3, 1), sqlite=sqlite_has_it)  # noqa: DTZ001 - it is the one to be refused


def test_postgresql_gets_moments_in_utc() -> None:
    moment = datetime(2026, 3, 1, 9, tzinfo=timezone(timedelta(hours=2)))
    sent = stored(moment, sqlite=False)
    assert (sent, sent.tzinfo) == (moment, UTC)


def stored(moment: datetime | None, *, sqlite: bool) -> Any:
    dialect = dialect_of(sqlite=sqlite)
    convert: Any = UtcDateTime().dialect_impl(dialect).bind_processor(dialect)
    return convert(moment)


@examples(100)
@given(moment=moments)
def test_moments_are_read_from_sqlite_in_utc_as_they_were_written(moment: datetime) -> None:
    dialect = dialect_of(sqlite=True)
    convert: Any = UtcDateTime().dialect_impl(dialect).result_processor(dialect, None)
    found = convert(stored(moment, sqlite=True))
    assert (found, found.tzinfo, convert(None)) == (moment, UTC, None)
