"""Work that is done at the same time, of which a failure or a cancellation ends all."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

T = TypeVar("T")


async def all_of(work: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """Return the results of these in their order; where one fails, the others are cancelled, and its error is raised.

    A cancellation of the caller wins over an error of the same moment: a caller that is ended has to end, and a group
    of tasks would raise the error alone.
    """
    caller = asyncio.current_task()
    asked_before = caller.cancelling() if caller else 0
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each) for each in work]
            if tasks:
                # Within the group: at its end it takes back no request to cancel the caller that was its own.
                await asyncio.wait(tasks)
    except ExceptionGroup as failures:
        if caller and caller.cancelling() > asked_before:
            raise asyncio.CancelledError from failures
        # Either one is enough.
        raise failures.exceptions[0] from failures
    return [task.result() for task in tasks]
