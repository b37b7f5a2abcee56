"""The deadline of an operation."""

import asyncio

import pytest

from gql.limits.timing import Deadline, LateError

NEVER = 3600.0


async def ready() -> str:
    return "ready"


async def test_a_value_before_the_deadline_is_returned() -> None:
    assert await Deadline(NEVER).keep(ready(), LateError) == "ready"
    assert await Deadline(0).keep(ready(), LateError) == "ready"


async def test_zero_seconds_set_no_deadline() -> None:
    assert not Deadline(0).is_over
    assert not Deadline(NEVER).is_over
    assert Deadline(1e-9).is_over


async def test_a_late_value_is_abandoned_with_its_seconds() -> None:
    deadline = Deadline(0.001)
    with pytest.raises(LateError, match=r"0\.001 s") as caught:
        await deadline.keep(asyncio.Event().wait(), LateError)
    assert isinstance(caught.value.__cause__, TimeoutError)
    assert deadline.is_over
    assert deadline.seconds == 0.001


async def test_a_timeout_inside_the_work_is_not_the_deadline_s() -> None:
    async def gives_up() -> None:
        raise TimeoutError("the other server")

    with pytest.raises(TimeoutError, match="the other server"):
        await Deadline(NEVER).keep(gives_up(), LateError)
