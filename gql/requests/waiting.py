"""Waiting with a deadline that costs nothing where there is nothing to wait for."""

import asyncio
from collections.abc import Coroutine, Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")


async def in_time(pending: Coroutine[Any, Any, T], seconds: float) -> T:
    """Return what comes, if it comes in time; 0 seconds set no deadline.

    A timer takes longer than to parse a short body. So none is set until there is something to wait for.

    Raises:
        TimeoutError: it did not come in time.
    """
    begun = _Begun(pending)
    if begun.is_over:
        return begun.value
    async with asyncio.timeout(seconds or None):
        return await begun


class _Begun(Generic[T]):
    """A coroutine that has run up to its first wait, if it has one."""

    value: T

    def __init__(self, coroutine: Coroutine[Any, Any, T]) -> None:
        self._coroutine = coroutine
        self.is_over = False
        try:
            self._awaited = coroutine.send(None)
        except StopIteration as end:
            self.value, self.is_over = end.value, True

    def __await__(self) -> Generator[Any, Any, T]:
        awaited = self._awaited
        try:
            while True:
                try:
                    come = yield awaited
                except BaseException as error:  # noqa: BLE001 - handed on, as `yield from` does
                    awaited = self._coroutine.throw(error)
                else:
                    awaited = self._coroutine.send(come)
        except StopIteration as end:
            value: T = end.value
            return value
