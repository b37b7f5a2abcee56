"""The transactions of writes, in which the driver can be asked directly as well as through SQLAlchemy."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

from sqlalchemy.ext.asyncio import AsyncEngine

from domain.persistence.prepared import DirectConnection

logger = logging.getLogger(__name__)
T = TypeVar("T")
Work = Callable[[DirectConnection], Awaitable[T]]
#: Gets the results of all works that one commit has kept, in their order, before any of their callers goes on.
Kept = Callable[[Sequence[Any]], None]


class Transactions(Protocol):
    """The runner of work in write transactions: each is committed after a clean exit, else it is rolled back."""

    async def run(self, work: Work[T], kept: Kept, *, joins: bool = False) -> T:
        """Run a work in a transaction, and return its result once that is committed.

        `joins` is for work that waits for nothing but its statements: it may share the commit of others.
        """

    async def close(self) -> None:
        """Let go of connections that are kept between transactions."""


class PooledTransactions:
    """Transactions on connections of PostgreSQL's pool, one for each work."""

    def __init__(self, writer: AsyncEngine) -> None:
        # SQLAlchemy would begin one of its own at its first statement, past the driver.
        self._engine = writer.execution_options(isolation_level="AUTOCOMMIT")

    async def run(self, work: Work[T], kept: Kept, *, joins: bool = False) -> T:  # noqa: ARG002
        """Run a work in a transaction, and return its result once that is committed."""
        connection = await DirectConnection.open(self._engine)
        try:
            result = await _transacted(connection, work)
        finally:
            await connection.close()
        kept([result])
        return result

    async def close(self) -> None:
        """Do nothing: the pool keeps the connections."""


async def _transacted(connection: DirectConnection, work: Work[T]) -> T:
    transaction = connection.driver.transaction(isolation="read_committed")
    await transaction.start()
    try:
        result = await work(connection)
        await transaction.commit()
    except BaseException:
        try:
            await transaction.rollback()
        except Exception as error:  # noqa: BLE001 - the first error is the one that says what is wrong
            logger.debug("giving the connection up: %s", error)
            await connection.invalidate()
        raise
    return result
