"""The transactions of writes, in which the driver can be asked directly as well as through SQLAlchemy."""

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.persistence.prepared import DIRECT, driver_of

logger = logging.getLogger(__name__)


class Transactions:
    """The opener of write transactions: each commits on a clean exit, else it rolls back."""

    def __init__(self, writer: AsyncEngine) -> None:
        # On PostgreSQL, SQLAlchemy would begin one of its own at its first statement, past the driver.
        self._options = {} if writer.dialect.name == "sqlite" else {"isolation": "read_committed"}
        level = {"isolation_level": "AUTOCOMMIT"} if self._options else {}
        self._engine = writer.execution_options(**level, **{DIRECT: True})

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction on a connection of its own."""
        async with self._engine.connect() as connection, _transaction(connection, self._options):
            yield connection


@asynccontextmanager
async def _transaction(connection: AsyncConnection, options: Mapping[str, str]) -> AsyncIterator[None]:
    transaction = driver_of(connection).transaction(**options)
    await transaction.start()
    try:
        yield
        await transaction.commit()
    except BaseException:
        try:
            await transaction.rollback()
        except Exception as error:  # noqa: BLE001 - the first error is the one that says what is wrong
            logger.debug("giving the connection up: %s", error)
            await connection.invalidate()
        raise
