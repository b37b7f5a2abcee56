"""The transactions of writes, in which the driver can be asked directly as well as through SQLAlchemy."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.persistence.prepared import DIRECT, driver_of

logger = logging.getLogger(__name__)


class Transactions:
    """The opener of write transactions: each commits on a clean exit, else it rolls back."""

    def __init__(self, writer: AsyncEngine) -> None:
        self._is_sqlite = writer.dialect.name == "sqlite"
        # PostgreSQL's transactions are begun here: SQLAlchemy begins its own at its first statement, past the driver.
        options = {} if self._is_sqlite else {"isolation_level": "AUTOCOMMIT"}
        self._engine = writer.execution_options(**options, **{DIRECT: True})

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction on a connection of its own."""
        if self._is_sqlite:
            async with self._engine.begin() as connection:
                yield connection
        else:
            async with self._engine.connect() as connection, _transaction(connection):
                yield connection


@asynccontextmanager
async def _transaction(connection: AsyncConnection) -> AsyncIterator[None]:
    transaction = driver_of(connection).transaction(isolation="read_committed")
    await transaction.start()
    try:
        yield
    except BaseException:
        try:
            await transaction.rollback()
        except Exception as error:  # noqa: BLE001 - the first error is the one that says what is wrong
            logger.debug("giving the connection up: %s", error)
            await connection.invalidate()
        raise
    await transaction.commit()
