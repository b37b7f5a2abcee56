"""Operations that are cancelled while their fields are about to start, as a client that goes away does it."""

import asyncio
import gc
from contextlib import suppress

from tests.client import Api

#: Introspection is not compiled, so that graphql-core makes a task of each field.
_DOCUMENT = "{ __schema { queryType { name } } incidents { totalCount } systems { totalCount } cursor }"
#: Enough for the whole request.
_STEPS = 60


async def test_an_operation_cancelled_at_any_step_leaves_no_warning_in_the_log(api: Api) -> None:
    cancelled = 0
    for steps in range(_STEPS):
        asking = asyncio.ensure_future(api.viewer.post(json={"query": _DOCUMENT}))
        for _ in range(steps):
            await asyncio.sleep(0)
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking
        cancelled += asking.cancelled()

    gc.collect()  # whatever was never awaited says so now, and fails the test
    assert 0 < cancelled < _STEPS, "it was cancelled before, while and after its fields started"
