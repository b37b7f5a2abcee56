"""Counts of a process's work with the database, and of its connections that are in use."""

import sqlite3
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

import asyncpg
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import Pool, QueuePool

from domain.counting import Histogram, counted_from_zero

#: How many units of work share a commit.
_TOGETHER = (1, 2, 4, 8, 16, 32)


class PoolUse(NamedTuple):
    """The connections of a pool that are in use, all that there may be, and the units of work that wait for one."""

    in_use: int
    most: int
    waiting: int = 0


def use_of(pool: Pool) -> PoolUse:
    """Return how many connections of SQLAlchemy's pool are in use; it does not say how many wait."""
    assert isinstance(pool, QueuePool)
    return PoolUse(pool.checkedout(), pool.size())


def no_answers() -> Counter[str]:
    """Return counts of how queries were answered where there may be replicas, before the first of them.

    By a replica, or by the primary: because none was used, because none had reached a position in time, because a
    replica cancelled what held up its replay, or because it failed.
    """
    return counted_from_zero(("replica", "none_used", "behind", "conflict", "failed"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaCounts:
    """The counts of replicas: answers by outcome, all of them, those used, and the lag of the last of these."""

    answers: Counter[str] = field(default_factory=no_answers)
    count: int = 0
    used: int = 0
    lag_seconds: float = 0.0


class DatabaseCounts:
    """The counts of one process's transactions."""

    def __init__(self) -> None:
        #: Seconds from the call of `write` until its transaction has begun, and until it is committed.
        self.write_wait = Histogram()
        self.write_seconds = Histogram()
        #: How many units of work each commit has kept.
        self.together = Histogram(_TOGETHER)
        #: Transactions that failed, by reason: the database is away, locked or full, or a statement is wrong.
        self.errors = counted_from_zero(("outage", "statement"))
        #: Transactions that were attempted again, after a deadlock or on another connection.
        self.retries = 0

    def failed(self, error: Exception) -> None:
        """Count a transaction that failed where the database refused a statement, and not for what was asked of it."""
        if isinstance(error, SQLAlchemyError | sqlite3.Error | asyncpg.PostgresError):
            self.errors["statement"] += 1
