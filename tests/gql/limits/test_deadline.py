"""The deadline of an operation, and whose delay is whose."""

import asyncio

import pytest

from gql.limits.timing import Deadline, LateError

NEVER = 3600.0


async def ready() -> str:
    return "ready"


async def test_what_is_there_in_time_is_handed_on() -> None:
    assert await Deadline(NEVER).keep(ready(), LateError) == "ready"
    assert await Deadline(0).keep(ready(), LateError) == "ready"


async def test_no_seconds_set_no_limit() -> None:
    assert not Deadline(0).is_over
    assert not Deadline(NEVER).is_over
    assert Deadline(1e-9).is_over


async def test_what_is_late_is_given_up_with_the_seconds_it_had() -> None:
    deadline = Deadline(0.001)
    with pytest.raises(LateError, match=r"0\.001 s") as caught:
        await deadline.keep(asyncio.Event().wait(), LateError)
    assert isinstance(caught.value.__cause__, TimeoutError)
    assert deadline.is_over
    assert deadline.seconds == 0.001


async def test_a_time_out_of_the_work_itself_is_no_delay_of_the_operation() -> None:
    async def gives_up() -> None:
        raise TimeoutError("the other server")

    with pytest.raises(TimeoutError, match="the other server"):
        await Deadline(NEVER).keep(gives_up(), LateError)
