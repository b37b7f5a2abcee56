"""The database for the library that runs automations, which speaks to it by itself and without asyncio."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL

from domain.persistence.addresses import PostgresAddress

_POOL_SECONDS = 30
#: A process that stops in the middle of a transaction, as a suspended machine does, lets its locks go after so long.
_IDLE_MILLIS = 60_000


def library_url(address: URL | PostgresAddress) -> str:
    """The address as a URL with a driver that blocks; each takes what libpq takes."""
    if isinstance(address, URL):
        return address.set(drivername="sqlite").render_as_string(hide_password=False)
    query = address.for_libpq()
    url = URL.create(
        "postgresql+psycopg",
        username=query.pop("user", None),
        password=query.pop("password", None),
        database=query.pop("dbname", None),
        query=query,
    )
    return url.render_as_string(hide_password=False)


def library_engine(address: URL | PostgresAddress, *, connections: int) -> sa.Engine | None:
    """An engine with so many connections for all that the library does; None where it makes its own on SQLite."""
    if isinstance(address, URL):
        return None
    engine = sa.create_engine(
        library_url(address),
        # A statement with a name is another client's behind a pooler.
        connect_args={"prepare_threshold": None},
        pool_size=connections,
        max_overflow=0,
        pool_timeout=_POOL_SECONDS,
        pool_pre_ping=True,
    )
    sa.event.listen(engine, "connect", _let_go_in_time)
    return engine


def _let_go_in_time(connection: Any, _record: Any) -> None:
    # Not as a parameter of the connection: poolers refuse those that they do not know.
    connection.execute(f"SET idle_in_transaction_session_timeout = {_IDLE_MILLIS}")
    connection.commit()
