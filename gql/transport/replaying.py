"""Missed events of one subscriber without the executor, by the function that its group has or would have."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from strawberry.types.execution import ExecutionResult

from domain.errors import DomainError
from gql.sources import CatchUp
from gql.transport.groups import Groups
from gql.transport.sharing import GroupKey

logger = logging.getLogger(__name__)

#: How long a replay may hold the event loop before it yields: what it reads may be there without waiting.
_SLICE_SECONDS = 0.004


async def replayed(groups: Groups, key: GroupKey, missed: CatchUp) -> AsyncGenerator[ExecutionResult, None]:
    """Yield the results of what is left of a catch-up; where it is not finished then, the executor has to go on."""
    found = groups.functions.of_events(key)
    if found is None or missed.left is None:
        return
    event, wanted = found
    slice_ends = time.perf_counter() + _SLICE_SECONDS
    changes = groups.domain.events.replay(missed.left, missed.reached, until=missed.until)
    try:
        async with aclosing(changes):
            async for change in changes:
                data = await event.data(change, wanted)
                if data is None:
                    return
                yield ExecutionResult(data=data, errors=None, extensions={"cursor": groups.cursor_of(change.seq)})
                missed.reached = change.seq
                if time.perf_counter() > slice_ends:
                    await asyncio.sleep(0)
                    slice_ends = time.perf_counter() + _SLICE_SECONDS
    except DomainError:
        return  # an outage, or a cursor that expired meanwhile: the executor meets it again, and says so
    except Exception:
        # Such as a value that no enum has: the executor says so as it always did.
        logger.exception("a compiled replay failed")
        return
    missed.finish()
