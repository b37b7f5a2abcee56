"""Column types that keep their meaning on both databases."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from typing_extensions import override

from domain.model.incident import Severity
from domain.model.moment import to_microseconds

#: Payloads: text in SQLite, parsed once and searchable in PostgreSQL.
Json = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
#: SQLite counts only INTEGER PRIMARY KEY by itself; PostgreSQL needs the larger one.
BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def json_text(value: Any) -> str | None:
    """Return the stored form of a payload; None is SQL's null."""
    return None if value is None else orjson.dumps(value).decode()


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """Aware UTC moments; naive ones are refused, because their meaning is unknown."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    # Of the library's own conversions, those of SQLite take ten times as long.
    @override
    def bind_processor(self, dialect: sa.Dialect) -> Callable[[datetime | None], Any]:
        return _text_of if dialect.name == "sqlite" else _in_utc

    @override
    def result_processor(self, dialect: sa.Dialect, _coltype: object) -> Callable[[Any], datetime | None]:
        return _moment_of if dialect.name == "sqlite" else _in_utc


def _in_utc(moment: datetime | None) -> datetime | None:
    if moment is None or moment.tzinfo is UTC:
        return moment
    if moment.tzinfo is None:
        raise ValueError(f"naive datetime {moment!r}")
    return moment.astimezone(UTC)


def _text_of(moment: datetime | None) -> str | None:
    moment = _in_utc(moment)
    return None if moment is None else to_microseconds(moment, " ")


def _moment_of(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(f"{text}Z")


class SeverityRank(sa.types.TypeDecorator[Severity]):
    """A severity stored as its rank, so that comparing and ordering need no CASE and can use an index."""

    impl = sa.SmallInteger()
    cache_ok = True

    @override
    def process_bind_param(self, value: Severity | None, dialect: sa.Dialect) -> int | None:
        return None if value is None else value.rank

    @override
    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Severity | None:
        return None if value is None else _BY_RANK[value]


_BY_RANK = {severity.rank: severity for severity in Severity}
