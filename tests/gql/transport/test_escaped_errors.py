"""Failures outside of resolvers: on each transport the client gets a code and a request id, and the log the rest."""

import logging
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from graphql import GraphQLError
from strawberry.extensions import SchemaExtension
from strawberry.types.execution import StreamExecutionResult
from typing_extensions import override

from domain.bootstrap import Domain
from domain.errors import UnavailableError
from domain.services.events import EventService
from gql.limits import checks
from gql.limits.describing import DescribingExecutor
from gql.schema import schema
from gql.transport.documents import Documents
from gql.transport.listeners import Listeners
from tests.client import Api, Json, calling
from tests.factories import make_incident
from tests.gql.subscriptions.watching import now
from tests.gql.transport.sockets import Raw, Running, Stream, until

SECRET = "the password is hunter2"
QUERY = "{ viewer { role } }"
#: Executed once for all of its subscribers.
SHARED = "subscription { incidentChanges { id } }"
#: Shared, and begins with an execution for this subscriber alone, of what it missed.
RESUMED = "subscription S($after: String) { incidentChanges(after: $after) { id } }"
#: Executed for each subscriber.
ALONE = "subscription S($after: String) { ...F } fragment F on Subscription { incidentChanges(after: $after) { id } }"

Break = Callable[[pytest.MonkeyPatch, Exception], None]


class Failing(SchemaExtension):
    """An extension that raises in one of its hooks, which is given as a subclass."""

    error: Exception


class Begins(Failing):
    @override
    def on_operation(self) -> Iterator[None]:
        raise self.error
        yield


class Ends(Failing):
    @override
    def on_operation(self) -> Iterator[None]:
        yield
        raise self.error


class Parses(Failing):
    @override
    async def on_parse(self) -> AsyncIterator[None]:
        yield
        raise self.error


class Validates(Failing):
    @override
    def on_validate(self) -> Iterator[None]:
        raise self.error
        yield


class Executes(Failing):
    @override
    async def on_execute(self) -> AsyncIterator[None]:
        raise self.error
        yield


class Executed(Failing):
    @override
    def on_execute(self) -> Iterator[None]:
        yield
        raise self.error


class Streams(Failing):
    @override
    def on_stream_result(self, result: StreamExecutionResult) -> Iterator[None]:
        raise self.error
        yield


class Tells(Failing):
    @override
    def get_results(self) -> dict[str, Any]:
        raise self.error


def extension(kind: type[Failing]) -> Break:
    """Add the extension to the schema."""

    def add(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
        broken = type(kind.__name__, (kind,), {"error": error})
        monkeypatch.setattr(schema, "extensions", (*schema.extensions, broken))

    return add


def function(owner: Any, name: str) -> Break:
    """Make a function raise, as if there were a bug in it."""

    def replace(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
        def broken(*_: Any, **__: Any) -> Any:
            raise error

        monkeypatch.setattr(owner, name, broken)

    return replace


#: Everything goes through these.
ALWAYS: dict[str, Break] = {
    "an operation that begins": extension(Begins),
    "parsing": extension(Parses),
    "validating": extension(Validates),
    "executing": extension(Executes),
    "an execution that is over": extension(Executed),
    "the price": function(checks, "cost_of"),
    "variables": function(checks, "unreadable"),
}
#: Where operations end that do not last.
ENDS: dict[str, Break] = {"an operation that ends": extension(Ends)}
#: Results go through these, of subscriptions one by one.
RESULTS: dict[str, Break] = {
    "extensions of the answer": extension(Tells),
    "the executor": function(DescribingExecutor, "execute_root_grouped_field_set"),
}
STREAMED: dict[str, Break] = {"a streamed result": extension(Streams)}


def every(*places: dict[str, Break], kinds: tuple[type[Exception], ...] = (ValueError,)) -> pytest.MarkDecorator:
    """Return all failures at these places, by default with the error that is most like a client's own."""
    cases = [
        pytest.param(place, kind(SECRET), id=f"{name}-{kind.__name__}")
        for group in places
        for name, place in group.items()
        for kind in kinds
    ]
    return pytest.mark.parametrize(("fail", "bug"), cases)


def assert_masked(error: Json, logged: list[logging.LogRecord], bug: Exception) -> None:
    """Check that the error is masked, and that the log has one line with the traceback under the same id."""
    request_id = error["extensions"]["requestId"]
    assert error["extensions"] == {"code": "INTERNAL", "requestId": request_id}
    assert request_id
    assert request_id in error["message"]
    assert SECRET not in str(error)
    [record] = [record for record in logged if record.levelno >= logging.ERROR and request_id in record.getMessage()]
    assert record.exc_info is not None
    assert record.exc_info[1] is bug
    assert record.exc_info[2] is not None


async def failed(raw: Raw) -> Json:
    """Return the one error of the next message that has any."""
    while True:
        message = await raw.next()
        payload = message["payload"]
        if message["type"] == "error" or "errors" in payload:
            [error] = payload if message["type"] == "error" else payload["errors"]
            return error  # type: ignore[no-any-return]  # it was JSON


async def failed_event(stream: Stream) -> Json:
    """Return the one error of the next event that has any."""
    while True:
        event = await stream.next()
        assert event is not None
        if "errors" in event["data"]:
            [error] = event["data"]["errors"]
            return error  # type: ignore[no-any-return]  # it was JSON


@every(ALWAYS, RESULTS, ENDS, kinds=(ValueError, KeyError, RecursionError))
async def test_a_bug_around_an_execution_is_masked_over_http(
    api: Api, fail: Break, bug: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fail(monkeypatch, bug)
    response = await api.anonymous.post(json={"query": QUERY}, headers={"x-request-id": "find-me"})
    answer = response.json()
    assert response.status_code == 500
    assert "data" not in answer
    [error] = answer["errors"]
    assert_masked(error, caplog.records, bug)
    assert error["extensions"]["requestId"] == "find-me"
    assert len(caplog.records) == 1


@every(ALWAYS, RESULTS, ENDS)
async def test_a_bug_around_an_execution_is_masked_in_a_batch(
    domain: Domain, fail: Break, bug: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fail(monkeypatch, bug)
    async with calling(replace(domain, settings=replace(domain.settings, batching_max=2))) as api:
        response = await api.anonymous.post(json=[{"query": QUERY}, {"query": 1}])
    [broken], [wrong] = (answer["errors"] for answer in response.json())
    assert_masked(broken, caplog.records, bug)
    assert wrong["extensions"]["code"] == "BAD_USER_INPUT"
    assert len(caplog.records) == 1


@every(ALWAYS, RESULTS, STREAMED)
@pytest.mark.parametrize("document", [QUERY, RESUMED, ALONE], ids=["query", "resumed", "alone"])
async def test_a_bug_around_an_execution_is_masked_on_sockets_and_streams(
    served: Running,
    domain: Domain,
    document: str,
    fail: Break,
    bug: Exception,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    start = await now(domain)
    await make_incident(domain)
    async with served.socket() as raw:
        fail(monkeypatch, bug)
        await raw.subscribe(document, after=start)
        assert_masked(await failed(raw), caplog.records, bug)
    async with served.stream(query=document, after=start) as stream:
        assert_masked(await failed_event(stream), caplog.records, bug)
    assert len(caplog.records) == 2


@every(ALWAYS)
async def test_a_bug_that_keeps_a_group_from_beginning_is_masked(
    served: Running, fail: Break, bug: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with served.socket() as raw:
        fail(monkeypatch, bug)
        await raw.subscribe(SHARED)
        assert_masked(await failed(raw), caplog.records, bug)
    async with served.stream(query=SHARED) as stream:
        assert_masked(await failed_event(stream), caplog.records, bug)
    assert len(caplog.records) == 2


@every(RESULTS, STREAMED)
async def test_a_bug_in_a_shared_execution_is_masked_for_all_of_the_group(
    served: Running,
    domain: Domain,
    fail: Break,
    bug: Exception,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    fail(monkeypatch, bug)
    async with served.socket() as one, served.socket() as other, served.stream(query=SHARED) as stream:
        for raw in (one, other):
            await raw.subscribe(SHARED)
        await until(lambda: served.members == 3)
        await make_incident(domain)
        received = [await failed(one), await failed(other), await failed_event(stream)]
    assert_masked(received[0], caplog.records, bug)
    assert received == [received[0]] * 3
    assert len(caplog.records) == 1


@pytest.mark.parametrize("document", [RESUMED, SHARED, ALONE], ids=["resumed", "shared", "alone"])
async def test_a_bug_while_joining_a_group_is_masked(
    served: Running,
    domain: Domain,
    document: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    start, bug = await now(domain), ValueError(SECRET)
    for name in ("head", "start_of"):
        function(EventService, name)(monkeypatch, bug)
    async with served.socket() as raw:
        await raw.subscribe(document, after=start)
        assert_masked(await failed(raw), caplog.records, bug)
    async with served.stream(query=document, after=start) as stream:
        assert_masked(await failed_event(stream), caplog.records, bug)
    assert len(caplog.records) == 2


async def test_a_bug_in_the_feed_of_groups_is_masked(
    served: Running, domain: Domain, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bug = ZeroDivisionError(SECRET)
    async with served.socket() as raw, served.stream(query=SHARED) as stream:
        await raw.subscribe(SHARED)
        await until(lambda: served.members == 2)
        function(Listeners, "interested")(monkeypatch, bug)
        await make_incident(domain)
        assert_masked(await failed(raw), caplog.records, bug)
        await failed_event(stream)
    assert len(caplog.records) == 1


async def test_a_bug_in_reading_a_message_closes_the_socket_masked(
    served: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bug = ZeroDivisionError(SECRET)
    async with served.socket() as raw:
        function(Documents, "resolve")(monkeypatch, bug)
        await raw.subscribe(QUERY)
        assert await raw.closed() == (4500, "Internal server error")
    [record] = caplog.records
    assert record.exc_info is not None
    assert record.exc_info[1] is bug


async def test_an_outage_around_an_execution_is_no_bug(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    extension(Validates)(monkeypatch, UnavailableError())
    response = await api.anonymous.post(json={"query": QUERY})
    assert (response.status_code, response.headers["retry-after"]) == (503, str(UnavailableError().retry_after_seconds))
    assert response.json()["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
    assert caplog.records == []


async def test_an_extension_s_error_for_clients_is_passed_on(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    extension(Validates)(monkeypatch, GraphQLError("Not today.", extensions={"code": "FORBIDDEN"}))
    error = await api.anonymous.error(QUERY)
    assert error == {"message": "Not today.", "code": "FORBIDDEN"}
    assert caplog.records == []
