"""The database access of the library that runs automations, which is synchronous and separate."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL

from domain.persistence.addresses import PostgresAddress
from domain.persistence.postgres import leave_standbys

_POOL_SECONDS = 30
#: After so long, a process that stops in the middle of a transaction, as on a suspended machine, loses its locks.
_IDLE_MILLIS = 60_000


def library_url(address: URL | PostgresAddress) -> str:
    """Return the address as a URL for a synchronous driver, with libpq's parameters."""
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
    """Return the library's engine with so many connections; None on SQLite, where it makes its own."""
    if isinstance(address, URL):
        return None
    engine = sa.create_engine(
        library_url(address),
        # Behind a pooler, a named statement would be another client's.
        connect_args={"prepare_threshold": None},
        pool_size=connections,
        max_overflow=0,
        pool_timeout=_POOL_SECONDS,
        pool_pre_ping=True,
    )
    sa.event.listen(engine, "connect", _let_go_in_time)
    # The library takes that for a lost connection: it tries the statement again on another one.
    sa.event.listen(engine, "handle_error", leave_standbys)
    return engine


def close_library_engine(engine: sa.Engine) -> None:
    """Close all connections, those in use once they are returned: a thread of the library may be about to end."""
    sa.event.listen(engine, "checkin", _close)
    engine.dispose()


def _close(_: Any, record: Any) -> None:
    record.invalidate()


def _let_go_in_time(connection: Any, _record: Any) -> None:
    # Not as a parameter of the connection: poolers refuse unknown ones.
    connection.execute(f"SET idle_in_transaction_session_timeout = {_IDLE_MILLIS}")
    connection.commit()
