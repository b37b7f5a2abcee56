"""The action http.request against servers that behave and servers that do not."""

import asyncio
import gzip
import json
import logging
from typing import Any

import pytest
from pydantic import ValidationError

from domain.automations.actions.http import HttpRequestConfig, HttpSender
from domain.errors import AddressRefusedError, DomainError, InvalidInputError, RequestFailedError
from domain.outbound.bodies import KEPT_BYTES
from domain.outbound.caller import LONGEST_SECONDS, HttpResult
from tests.conftest import SteppingClock
from tests.domain.automations.actions.calling import Names, Waits, make_caller
from tests.domain.automations.actions.servers import Answer, Server, answer, as_json, serving

SECRET = "correct-horse-battery"


async def send(server: Server | str, *, waits: Waits | None = None, **config: Any) -> HttpResult:
    """Return the result of a request to that server."""
    url = server if isinstance(server, str) else server.url + config.pop("path", "/")
    sender = HttpSender(make_caller(waits=waits, **config.pop("caller", {})))
    return await sender.send(HttpRequestConfig.model_validate({"url": url, **config}), idempotency_key="run:a.1")


async def test_a_request_arrives_as_it_was_configured_and_its_answer_comes_back() -> None:
    async with serving(as_json({"id": 7}, status=201)) as server:
        result = await send(
            server,
            path="/hooks?a=1",
            method="POST",
            headers={"Authorization": f"Bearer {SECRET}\n", "X-Ünicode"[:2] + "y": "ü"},
            query={"b": "x y&"},
            json={"text": "Größe", "none": None},
        )
    [request] = server.received
    assert (request.method, request.target) == ("POST", "/hooks?a=1&b=x+y%26")
    assert json.loads(request.body) == {"text": "Größe", "none": None}
    assert request.headers["authorization"] == f"Bearer {SECRET}"
    assert request.headers["x-y"].encode("latin-1").decode() == "ü"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["idempotency-key"] == "run:a.1"
    assert request.headers["host"] == f"127.0.0.1:{server.port}"
    assert (result.status, result.body, result.attempts, result.truncated) == (201, {"id": 7}, 1, False)


async def test_only_headers_without_secrets_come_back() -> None:
    async with serving(answer(200, b"hi", set_cookie="session=1", x_request_id="r1", location="/?token=1")) as server:
        result = await send(server)
    assert result.headers == {"content-length": "2", "x-request-id": "r1"}
    assert result.body == "hi"


@pytest.mark.parametrize(
    ("config", "body", "kind"),
    [
        ({"json": None}, b"null", "application/json"),
        ({"body": "plain"}, b"plain", "text/plain; charset=utf-8"),
        ({"body": "<a/>", "headers": {"Content-Type": "text/xml"}}, b"<a/>", "text/xml"),
        ({}, b"", None),
    ],
    ids=["null", "text", "other text", "none"],
)
async def test_a_body_is_json_or_text_or_nothing(config: Any, body: bytes, kind: str | None) -> None:
    async with serving(answer()) as server:
        result = await send(server, method="POST", **config)
    assert (server.received[0].body, server.received[0].headers.get("content-type"), result.body) == (body, kind, None)


async def test_user_and_password_of_an_address_become_a_header() -> None:
    async with serving(answer()) as server:
        await send(f"http://me:p%40ss@127.0.0.1:{server.port}/")
    assert server.received[0].headers["authorization"] == "Basic bWU6cEBzcw=="


async def test_a_number_that_json_cannot_express_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="cannot be written as JSON"):
        await send("http://127.0.0.1:1/", json={"a": [2**70]})


@pytest.mark.parametrize(
    "config",
    [
        {"method": "CONNECT"},
        {"timeout_seconds": 61},
        {"timeout_seconds": 0},
        {"retries": 6},
        {"retry_on": [700]},
        {"json": 1, "body": "x"},
        {"proxy": SECRET},
        {"headers": {"a": {"b": SECRET}}},
    ],
    ids=str,
)
def test_an_invalid_config_is_refused_without_being_quoted(config: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        HttpRequestConfig.model_validate({"url": f"http://x.test/{SECRET}", **config})
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "headers",
    [
        *({"a b": SECRET}, {"": SECRET}, {"Host": "else"}, {"Content-Length": "1"}, {"Transfer-Encoding": "chunked"}),
        *({"x": f"{SECRET}\r\ny: 1"}, {"x": f"{SECRET}\0"}, {"x": f"{SECRET}\ud800"}, {"x:y": "1"}, {"ü": "1"}),
    ],
    ids=repr,
)
async def test_a_header_that_cannot_be_sent_is_refused_without_its_value(headers: dict[str, str]) -> None:
    with pytest.raises(InvalidInputError) as caught:
        await send("http://127.0.0.1:1/", headers=headers)
    assert SECRET not in str(caught.value)


async def test_a_temporary_failure_is_retried() -> None:
    waits = Waits()
    async with serving(answer(503), answer(429), as_json("done")) as server:
        result = await send(server, waits=waits, retries=5)
    assert (result.body, result.attempts, result.duration_seconds) == ("done", 3, 1.5)
    assert waits.slept == [0.5, 1.0]
    assert {request.headers["idempotency-key"] for request in server.received} == {"run:a.1"}


async def test_retries_end_with_the_last_answer_without_the_address() -> None:
    async with serving(answer(502, b"oops")) as server:
        with pytest.raises(RequestFailedError) as caught:
            await send(server, path=f"/{SECRET}?k={SECRET}", headers={"x": SECRET})
    assert caught.value.message == "'127.0.0.1' answered 502, the last of 3 times."
    assert (caught.value.answer.status, caught.value.answer.body, len(server.received)) == (502, "oops", 3)


@pytest.mark.parametrize(
    ("status", "config", "count"),
    [
        (500, {}, 1),
        (404, {}, 1),
        (500, {"retry_on": [500]}, 3),
        (302, {}, 1),
        (503, {"retries": 0}, 1),
        (204, {"expect": [200]}, 1),
    ],
)
async def test_an_unexpected_answer_is_a_failure(status: int, config: Any, count: int) -> None:
    async with serving(answer(status)) as server:
        with pytest.raises(RequestFailedError, match=f"answered {status}"):
            await send(server, **config)
    assert len(server.received) == count


async def test_an_expected_status_is_a_success_even_500() -> None:
    async with serving(answer(503)) as server:
        assert (await send(server, expect=[200, 503])).status == 503
    assert len(server.received) == 1


@pytest.mark.parametrize(
    ("retry_after", "waited"),
    [
        ("7", 7.0),
        ("0", 0.5),
        ("999999999999999999999999", 60.0),
        ("Sun, 01 Mar 2026 09:00:31 GMT", 30.0),
        ("Sun, 01 Mar 2020 09:00:00 -0000", 0.5),
        ("soon", 0.5),
        # Numbers that no date has.
        ("Sun, 01 Mar 2026 09:00:31 +99999999999999999999", 0.5),
        ("Sun, 01 Mar 99999999999999999999 09:00:31 GMT", 0.5),
        ("-5", 0.5),
        ("٣", 0.5),
    ],
)
async def test_retry_after_is_honoured_within_bounds(retry_after: str, waited: float) -> None:
    waits = Waits()
    async with serving(answer(503, retry_after=retry_after), answer()) as server:
        await send(server, waits=waits, caller={"clock": SteppingClock()})
    assert waits.slept == [waited]


async def test_all_attempts_together_end_before_the_timeout() -> None:
    waits = Waits()
    async with serving(answer(503, retry_after="60")) as server:
        with pytest.raises(RequestFailedError, match="the last of 3 times"):
            await send(server, waits=waits, retries=5)
    assert waits.elapsed() < LONGEST_SECONDS


@pytest.mark.parametrize(
    ("chance", "waited"),
    [(1.0, [0.5, 1.0, 2.0, 4.0, 8.0]), (0.0, [0.25, 0.5, 1.0, 2.0, 4.0])],
    ids=["longest", "shortest"],
)
async def test_back_off_doubles_with_jitter(chance: float, waited: list[float]) -> None:
    waits = Waits()
    async with serving(answer(503)) as server:
        with pytest.raises(RequestFailedError):
            await send(server, waits=waits, retries=5, caller={"chance": lambda: chance})
    assert waits.slept == waited


async def test_a_request_to_an_unreachable_server_is_retried() -> None:
    names = Names(OSError("away"), ["127.0.0.1"])
    async with serving(answer()) as server:
        result = await send(f"http://hooks.test:{server.port}/", caller={"names": names})
    assert result.attempts == 2


async def test_a_closed_port_cannot_be_reached() -> None:
    async with serving(answer()) as server:
        url = server.url
    with pytest.raises(RequestFailedError, match=r"^'127\.0\.0\.1' could not be reached.*, the last of 3 times\.$"):
        await send(url)


async def silence(writer: asyncio.StreamWriter) -> None:
    """Never answer."""
    await asyncio.sleep(30)


async def dripping(writer: asyncio.StreamWriter) -> None:
    """Send a byte now and then, so that no single read takes long."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
    for _ in range(1000):
        writer.write(b".")
        await writer.drain()
        await asyncio.sleep(0.02)


async def dripping_headers(writer: asyncio.StreamWriter) -> None:
    """Begin an answer that never comes to its body."""
    writer.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(1000):
        writer.write(f"x-{number}: 1\r\n".encode())
        await writer.drain()
        await asyncio.sleep(0.02)


async def endless(writer: asyncio.StreamWriter) -> None:
    """Send for as long as the peer reads."""
    writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    for _ in range(100_000):
        writer.write(b"8000\r\n" + b"x" * 0x8000 + b"\r\n")
        await writer.drain()


@pytest.mark.parametrize("behave", [silence, dripping, dripping_headers])
async def test_a_slow_server_is_cut_off_by_the_timeout(behave: Answer) -> None:
    async with serving(behave) as server, asyncio.timeout(30):
        with pytest.raises(RequestFailedError, match=r"did not answer within 0\.2 s"):
            await send(server, timeout_seconds=0.2, retries=0)


async def test_a_huge_body_is_cut_off() -> None:
    async with serving(endless) as server:
        result = await send(server)
    assert (result.truncated, result.body) == (True, "x" * KEPT_BYTES)


async def test_a_gzip_bomb_is_not_unpacked_beyond_the_bound() -> None:
    packed = gzip.compress(b"\0" * 50_000_000)
    async with serving(answer(200, packed, content_encoding="gzip", content_type="application/json")) as server:
        result = await send(server)
    assert (result.truncated, len(result.body)) == (True, KEPT_BYTES)
    assert server.received[0].headers["accept-encoding"] == "identity"


async def test_a_compressed_body_is_unpacked() -> None:
    body = gzip.compress(b'{"a": 1}')
    async with serving(answer(200, body, content_encoding="gzip", content_type="application/json")) as server:
        assert (await send(server)).body == {"a": 1}


async def test_a_broken_compression_fails_without_a_retry() -> None:
    async with serving(answer(200, b"not packed", content_encoding="gzip")) as server:
        with pytest.raises(RequestFailedError, match="cannot be unpacked"):
            await send(server)
    assert len(server.received) == 1


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        (answer(200, b"short", content_length="50"), None),
        (answer(200, b"longer than that", content_length="6"), "longer"),
        (b"nonsense\r\n\r\n", None),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello", None),
        (b"HTTP/1.1 200 OK\r\n" + b"x: " + b"y" * 200_000 + b"\r\n\r\n", None),
    ],
    ids=["too few", "too many", "no HTTP", "two lengths", "endless header"],
)
async def test_a_wrong_content_length_never_hangs(raw: bytes, kept: str | None) -> None:
    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        await writer.drain()

    async with serving(behave) as server:
        if kept is not None:
            assert (await send(server, retries=1)).body == kept
        else:
            with pytest.raises(RequestFailedError, match=r"broke the connection off, or speaks no HTTP, the last of 2"):
                await send(server, retries=1)


@pytest.mark.parametrize(
    ("body", "kind", "shown"),
    [
        (b'{"a": [1]}', "application/problem+json", {"a": [1]}),
        (b'{"a": [1]}', "text/plain", '{"a": [1]}'),
        (b"{", "application/json", "{"),
        (b"[" * 100 + b"]" * 100, "application/json", "[" * 100 + "]" * 100),
        (b'"\\u0000"', "application/json", '"\\u0000"'),
        (b"a\0b", "text/plain", "a\ufffdb"),
        ("Größe".encode("latin-1"), "text/plain; charset=ISO-8859-1", "Größe"),
        (b"\xff\xfe", "text/plain; charset=punycode", "\ufffd\ufffd"),
    ],
    ids=["json", "text", "broken json", "deep json", "nul in json", "nul", "latin-1", "unknown charset"],
)
async def test_a_kept_body_can_be_stored(body: bytes, kind: str, shown: Any) -> None:
    async with serving(answer(200, body, content_type=kind)) as server:
        assert (await send(server)).body == shown


async def test_a_redirect_is_an_answer_unless_redirects_are_followed() -> None:
    async with serving(answer(302, location="/there"), as_json("there")) as server:
        assert (await send(server, expect=[302])).status == 302
        assert (await send(server, follow_redirects=True)).body == "there"


@pytest.mark.parametrize(
    ("status", "method", "then"),
    [
        *((301, "POST", "GET"), (302, "POST", "GET"), (303, "PUT", "GET"), (303, "HEAD", "HEAD")),
        *((307, "POST", "POST"), (308, "PUT", "PUT"), (302, "PATCH", "PATCH")),
    ],
)
async def test_a_redirect_on_the_same_server_keeps_headers_and_by_status_the_body(
    status: int, method: str, then: str
) -> None:
    async with serving(answer(status, location="/there?x=1"), answer()) as server:
        await send(server, method=method, body="hello", headers={"X-Key": SECRET}, follow_redirects=True)
    first, second = server.received
    assert (second.method, second.target, second.headers["x-key"]) == (then, "/there?x=1", SECRET)
    assert second.body == (b"hello" if then == method else b"")
    assert first.body == b"hello"


async def test_a_redirect_to_another_server_takes_no_secrets_along() -> None:
    async with serving(as_json("there")) as other:
        elsewhere = answer(302, location=f"http://you:pw@127.0.0.1:{other.port}/there")
        async with serving(elsewhere) as server:
            url = f"http://me:{SECRET}@127.0.0.1:{server.port}/?k={SECRET}"
            headers = {"Authorization": SECRET, "X-Key": SECRET, "Cookie": SECRET}
            result = await send(url, headers=headers, query={"q": SECRET}, follow_redirects=True)
    assert result.body == "there"
    assert SECRET in str(server.received)
    assert SECRET not in str(other.received)
    assert set(other.received[0].headers) == {"host", "user-agent", "accept", "accept-encoding", "idempotency-key"}


@pytest.mark.parametrize("status", [307, 308])
async def test_a_body_goes_to_no_other_server(status: int) -> None:
    async with serving(as_json("there")) as other, serving(answer(status, location=f"{other.url}/")) as server:
        with pytest.raises(RequestFailedError, match=f"answered {status}"):
            await send(server, method="POST", json=SECRET, follow_redirects=True)
    assert other.received == []


@pytest.mark.parametrize(
    "location", ["http://169.254.169.254/latest/meta-data/", "//10.0.0.1/", "http://127.0.0.2:1/", "http://2130706433/"]
)
async def test_a_redirect_inside_is_refused(location: str) -> None:
    async with serving(answer(302, location=location)) as server:
        with pytest.raises(AddressRefusedError):
            await send(server, follow_redirects=True)
    assert len(server.received) == 1


@pytest.mark.parametrize("location", ["file:///etc/passwd", "gopher://x/", "http://[::1"])
async def test_a_redirect_to_no_web_address_is_refused(location: str) -> None:
    async with serving(answer(302, location=location)) as server:
        with pytest.raises(InvalidInputError):
            await send(server, follow_redirects=True)


async def test_redirects_in_a_circle_end() -> None:
    async with serving(answer(302, location="/")) as server:
        with pytest.raises(RequestFailedError, match="redirected more than 3 times"):
            await send(server, follow_redirects=True)
    assert len(server.received) == 4


async def test_no_error_and_no_log_holds_a_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    given: dict[str, Any] = {"headers": {"X-Key": SECRET}, "query": {"k": SECRET}, "timeout_seconds": 0.5, "retries": 1}
    said = []
    async with serving(answer(500)) as broken, serving(answer(200, b"x", content_length="9")) as cut:
        for port in (broken.port, cut.port, 1):
            with pytest.raises(DomainError) as caught:
                await send(f"http://me:{SECRET}@127.0.0.1:{port}/{SECRET}?{SECRET}#{SECRET}", **given)
            said.append(_all_of(caught.value))
    assert SECRET not in f"{said} {caplog.text}"
    assert SECRET not in repr(HttpRequestConfig.model_validate({"url": SECRET, "json": SECRET, **given}))


def _all_of(error: BaseException | None) -> str:
    """Return the texts of an error and its causes, as a log with a trace shows them."""
    return "" if error is None else f"{error!r} {_all_of(error.__cause__)} {_all_of(error.__context__)}"
