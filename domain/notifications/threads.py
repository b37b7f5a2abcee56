"""Threads for calls that cannot be interrupted."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


class Threads:
    """Threads for one call each, at most so many at once; the process ends without waiting for them."""

    # An executor's threads are no daemons: a service that never ends its answer would hold up the end of the process.

    def __init__(self, limit: int) -> None:
        self._free = asyncio.Semaphore(limit)

    async def run(self, call: Callable[[], T]) -> T:
        """Return the result of a call in a thread of its own, once one is free.

        Where the caller gives up, the call goes on, and its thread is taken until its end.
        """
        await self._free.acquire()
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[T] = loop.create_future()

        def conclude(result: T | None, error: BaseException | None) -> None:
            self._free.release()
            if ended.done():
                return
            if error is not None:
                ended.set_exception(error)
            else:
                ended.set_result(result)  # type: ignore[arg-type] # without an error there is a result

        def work() -> None:
            result, error = None, None
            try:
                result = call()
            except BaseException as failure:  # noqa: BLE001 - it belongs to the caller
                error = failure
            # The loop may have ended meanwhile, and with it whoever waited.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(conclude, result, error)

        threading.Thread(target=work, name="notify", daemon=True).start()
        return await ended
