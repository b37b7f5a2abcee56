"""Caches of what each test would compile, query or read again: statements, properties of databases, authorities."""

import ssl
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.dialects.sqlite.aiosqlite import SQLiteDialect_aiosqlite
from sqlalchemy.ext.asyncio import create_async_engine
from typing_extensions import override


class _Compiled(dict[Any, Any]):
    """Compiled statements, shared by all engines of one kind of database, as each test has its own engines."""

    @override
    def get(self, key: Any, default: Any = None) -> Any:
        return super().get((key[0].name, *key[1:]), default)

    @override
    def __setitem__(self, key: Any, compiled: Any) -> None:
        super().__setitem__((key[0].name, *key[1:]), compiled)


@pytest.fixture(scope="session", autouse=True)
def _statements_compiled_once() -> Iterator[None]:
    create = partial(create_async_engine, execution_options={"compiled_cache": _Compiled()})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("domain.persistence.engines.create_async_engine", create)
        patch.setattr("domain.persistence.postgres.create_async_engine", create)
        yield


@pytest.fixture(scope="session", autouse=True)
def _databases_asked_once() -> Iterator[None]:
    """Cache the properties of databases, which each engine queries otherwise."""
    with pytest.MonkeyPatch.context() as patch:
        for dialect in (PGDialect_asyncpg, SQLiteDialect_aiosqlite):
            patch.setattr(dialect, "initialize", _once(dialect.initialize))
        yield


def _once(ask: Callable[[Any, sa.Connection], None]) -> Callable[[Any, sa.Connection], None]:
    answers: dict[str, Any] = {}

    def initialize(dialect: Any, connection: sa.Connection) -> None:
        if not answers:
            before = dict(vars(dialect))
            ask(dialect, connection)
            plain = {name: value for name, value in vars(dialect).items() if isinstance(value, str | int | tuple)}
            answers.update({name: value for name, value in plain.items() if before.get(name) is not value})
        vars(dialect).update(answers)

    return initialize


@pytest.fixture(scope="session", autouse=True)
def _authorities_read_once() -> Iterator[None]:
    """Cache the authorities that clients trust, which take longer to read than most tests."""
    create = ssl.create_default_context

    @cache
    def from_file(cafile: str) -> ssl.SSLContext:
        return create(cafile=cafile)

    def cached(**options: Any) -> ssl.SSLContext:
        return from_file(**options) if options.keys() == {"cafile"} else create(**options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "create_default_context", cached)
        yield
