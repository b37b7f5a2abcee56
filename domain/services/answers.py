"""The answer of a write, read in its own transaction: it shows what was written, and nothing of a later writer."""

import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

from domain.model.selection import Wanted
from domain.persistence.availability import is_outage
from domain.persistence.projections import Projection
from domain.persistence.unit_of_work import UnitOfWork

logger = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class Answering:
    """The reading of a write's result, and what it found; None where nothing was read."""

    projection: Projection
    #: From the result of the use case to the rows that are asked for.
    wanted: Callable[[Any], Wanted]
    found: list[Any] | None = None


class AnswerError(Exception):
    """The answer of a write that could not be read, for which the write is done again without."""


_answering: ContextVar[Answering | None] = ContextVar("answering", default=None)


@contextmanager
def answered(answering: Answering) -> Iterator[None]:
    """Have the write in the block read its answer."""
    token = _answering.set(answering)
    try:
        yield
    finally:
        _answering.reset(token)


def with_answer(
    work: Callable[[UnitOfWork], Awaitable[T]], shown: Callable[[T], Any]
) -> Callable[[UnitOfWork], Awaitable[T]] | None:
    """Return the use case with the reading of its answer, last in its transaction; None where none is wanted."""
    answering = _answering.get()
    if answering is None:
        return None

    async def whole(unit: UnitOfWork) -> T:
        value = await work(unit)

        async def read(_: int) -> None:
            try:
                answering.found = await answering.projection.read_in(unit.connection, answering.wanted(shown(value)))
            except Exception as error:
                if is_outage(error, writing=True):
                    raise  # of the whole write, which is not tried again at once
                # PostgreSQL would not commit any more.
                raise AnswerError from error

        unit.before_commit(read)
        return value

    return whole
