"""Column types that keep their meaning on both databases."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from typing_extensions import override

from domain.model.incident import Severity

#: Payloads: text in SQLite, parsed once and searchable in PostgreSQL.
Json = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
#: SQLite counts only INTEGER PRIMARY KEY by itself; PostgreSQL needs the larger one.
BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """Aware UTC moments; naive ones are refused, because their meaning is unknown."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    @override
    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive datetime {value!r}")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    @override
    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        moment: datetime = value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


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
