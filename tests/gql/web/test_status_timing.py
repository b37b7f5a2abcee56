"""A page that is kept takes next to no CPU, so that a crowd of readers stops nobody's work."""

import time
from typing import Any

import pytest

from domain.bootstrap import Domain
from gql.app import create_app
from tests.factories import make_incident, make_system

pytestmark = pytest.mark.timing

#: Of one request with the routes and layers around it, without the server's parser of HTTP.
MOST_SECONDS = 0.0004
REQUESTS = 500


async def test_a_page_that_is_kept_takes_no_time(domain: Domain) -> None:
    for number in range(100):
        await make_system(domain, f"system-{number}")
    await make_incident(domain, "system-1")
    app = create_app(domain)
    first = await _asked(app)
    tag = next(value for name, value in first[0]["headers"] if name == b"etag")
    for headers, status in (([], 200), ([(b"if-none-match", tag)], 304)):
        began = time.process_time()
        for _ in range(REQUESTS):
            sent = await _asked(app, *headers)
        seconds = (time.process_time() - began) / REQUESTS
        print(f"{status}: {seconds * 1e6:.0f} us")
        assert sent[0]["status"] == status
        assert seconds < MOST_SECONDS


async def _asked(app: Any, *headers: tuple[bytes, bytes]) -> list[Any]:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/status",
        "raw_path": b"/status",
        "query_string": b"",
        "headers": [(b"host", b"a.test"), (b"accept-encoding", b"gzip, br"), *headers],
        "client": ("127.0.0.1", 1),
        "scheme": "http",
        "server": ("a.test", 80),
        "root_path": "",
    }
    await app(scope, receive, send)
    return sent
