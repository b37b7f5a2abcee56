"""The deadline of an operation."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from graphql import GraphQLField, GraphQLInt, GraphQLObjectType, GraphQLSchema, GraphQLString, parse

from domain.settings import Settings
from gql.limits.timing import Deadline, LateError, LateWriteError, NotBegunError, execute_in_time
from tests.gql.transport.sockets import until

NEVER = 3600.0


async def ready(*_: Any) -> str:
    await asyncio.sleep(0)
    return "ready"


async def never(*_: Any) -> None:
    await asyncio.Event().wait()


SCHEMA = GraphQLSchema(
    GraphQLObjectType(
        "Query",
        {
            "leaf": GraphQLField(GraphQLInt, resolve=lambda *_: 1),
            "soon": GraphQLField(GraphQLString, resolve=ready),
            "never": GraphQLField(GraphQLString, resolve=never),
        },
    )
)


def allowing(seconds: float) -> Any:
    """Return the context of operations that may take so long."""
    return SimpleNamespace(domain=SimpleNamespace(settings=Settings(execution_seconds=seconds)))


async def test_a_value_before_the_deadline_is_returned() -> None:
    assert await Deadline(NEVER).keep(ready(), LateError) == "ready"
    assert await Deadline(0).keep(ready(), LateError) == "ready"


async def test_zero_seconds_set_no_deadline() -> None:
    assert not Deadline(0).is_over
    assert not Deadline(NEVER).is_over
    short = Deadline(1e-9)
    # The loop's time may stand still for a millisecond.
    await until(lambda: short.is_over)


async def test_a_late_value_is_abandoned_and_the_error_names_the_seconds() -> None:
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


@pytest.mark.parametrize(
    ("late", "message"),
    [
        (LateError, "Reading this took longer than 2.5 s and was given up; the mutation itself is over."),
        (
            LateWriteError,
            (
                "This took longer than 2.5 s. What was being written may still be committed: "
                "look before you send it again, or send it with the same `idempotencyKey`."
            ),
        ),
        (NotBegunError, "The operation took longer than 2.5 s before this one's turn came. Nothing was written by it."),
    ],
    ids=["read", "written", "not begun"],
)
def test_each_error_of_what_is_late_says_what_was_written(late: type[LateError], message: str) -> None:
    error = late(2.5)
    assert (str(error), error.code, error.seconds) == (message, "TIMEOUT", 2.5)


async def test_an_execution_that_is_late_is_given_up_with_one_error() -> None:
    result = await execute_in_time(SCHEMA, parse("{ never }"), context_value=allowing(0.01))
    [error] = result.errors
    assert (result.data, error.extensions) == (None, {"code": "TIMEOUT"})
    assert error.message == "This took longer than 0.01 s and was given up. Ask for less at a time."


@pytest.mark.parametrize("seconds", [0, NEVER], ids=["no limit", "a long one"])
async def test_an_execution_in_time_returns_the_result(seconds: float) -> None:
    assert execute_in_time(SCHEMA, parse("{ leaf }"), context_value=allowing(seconds)).data == {"leaf": 1}
    result = await execute_in_time(SCHEMA, parse("{ soon }"), context_value=allowing(seconds))
    assert (result.data, result.errors) == ({"soon": "ready"}, None)
