"""The transactions of writes, in which the driver can be asked directly as well as through SQLAlchemy."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar, cast

from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from domain.persistence.availability import is_outage
from domain.persistence.measures import PoolUse, use_of
from domain.persistence.postgres import begins_at_once
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

    def use(self) -> PoolUse:
        """Return how many connections are in use, and how many works wait for one."""

    async def close(self) -> None:
        """Let go of connections that are kept between transactions."""


class PooledTransactions:
    """Transactions on connections of PostgreSQL's pool, one for each work."""

    def __init__(self, writer: AsyncEngine) -> None:
        # SQLAlchemy would begin one of its own at its first statement, past the driver.
        self._engine = writer.execution_options(isolation_level="AUTOCOMMIT")

    async def run(self, work: Work[T], kept: Kept, *, joins: bool = False) -> T:  # noqa: ARG002
        """Run a work in a transaction, and return its result once that is committed."""
        connection, transaction = await self._begun()
        try:
            result = await work(connection)
            await transaction.commit()
        except BaseException:
            await _undo(connection, transaction)
            raise
        else:
            # Before anybody has a turn: the process's reader of the log takes changes in the order of their commits.
            kept([result])
        finally:
            await connection.close()
        return result

    def use(self) -> PoolUse:
        """Return how many connections are in use."""
        return use_of(self._engine.pool)

    async def close(self) -> None:
        """Do nothing: the pool keeps the connections."""

    async def _begun(self) -> tuple[DirectConnection, Any]:
        """Begin a transaction on a connection that answers; those that were lost since their last use are given up."""
        left = cast("AsyncAdaptedQueuePool", self._engine.pool).size()
        while True:
            connection = await self._taken()
            try:
                transaction = connection.driver.transaction(isolation="read_committed")
                await transaction.start()
            except BaseException as error:
                await connection.invalidate()
                await connection.close()
                if not left or not isinstance(error, Exception) or not is_outage(error):
                    raise
                left -= 1
            else:
                return connection, transaction

    async def _taken(self) -> DirectConnection:
        token = begins_at_once.set(True)
        try:
            return await DirectConnection.open(self._engine)
        finally:
            begins_at_once.reset(token)


async def _undo(connection: DirectConnection, transaction: Any) -> None:
    try:
        await transaction.rollback()
    except Exception as error:  # noqa: BLE001 - the first error is the one that says what is wrong
        logger.debug("giving the connection up: %s", error)
        await connection.invalidate()
