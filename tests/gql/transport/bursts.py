"""`python -m tests.gql.transport.bursts --count 1000 --seed 1`: random requests, with and without the shortcut.

Two servers get the same bytes, whole or in pieces, one request or several behind one another. One answers as it does;
the other takes everything through ASGI and the executor. All bytes that they say have to be equal.
"""

import argparse
import asyncio
import random
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from typing_extensions import override

from domain.bootstrap import running_domain
from domain.clock import Clock
from domain.model.viewer import Role
from domain.settings import Settings
from gql.limits.cache import DocumentCache
from tests.e2e.databases import fresh_database
from tests.factories import make_system
from tests.gql.transport.sockets import TOKENS, Running, serving
from tests.gql.transport.test_direct import JSON, ODD, Odd, posted

KNOWN = (b"authorization", f"Bearer {TOKENS[Role.ADMIN]}".encode())
CAUSED = {"title": "Disk full", "severity": "MAJOR", "systemIds": ["api"], "initialMessage": "Looking into it"}
_DOCUMENTS = (
    "{ __typename }",
    "{ incidents(first: 3) { nodes { title version } } }",
    "query Q($n: Int) { incidents(first: $n) { totalCount nodes { updates(first: 1) { nodes { message } } } } }",
    "{ viewer { role } }",
    "query A { __typename } query B { b: __typename }",
    "{ nothing }",
    "{",
    "subscription { incidentChanges { incidentId } }",
    """mutation M($input: CreateIncidentInput!) {
      createIncident(input: $input) { incident { title systems { key } } reused userErrors { code field message } }
    }""",
    """mutation N($input: AddIncidentUpdateInput!) {
      addIncidentUpdate(input: $input) { update { message } incident { version } userErrors { code } cursor }
    }""",
)
_MEMBERS = ("title", "severity", "systemIds", "description", "occurredAt", "idempotencyKey", "color", "incidentId")
_VALUES: tuple[Any, ...] = (
    "Disk",
    "",
    None,
    1,
    1.5,
    True,
    [],
    ["api"],
    {},
    "HUGE",
    "2026-04-01T00:00:00Z",
    "x" * 300,
    "\0",
)
_HEADERS = (
    (b"accept", b"application/graphql-response+json"),
    (b"accept", b"*/*;q=0.1"),
    (b"accept", b"image/png"),
    (b"accept", b""),
    KNOWN,
    KNOWN,
    (b"authorization", b"Bearer no"),
    (b"authorization", b""),
    (b"x-request-id", b"mine"),
    (b"x-request-id", b"\xff"),
    (b"origin", b"https://elsewhere.test"),
    (b"x-forwarded-for", b"203.0.113.9"),
    (b"content-encoding", b"identity"),
    (b"content-type", b"application/json; charset=utf-8"),
    (b"expect", b"100-continue"),
)
_GET = b"GET /graphql?query=%7B__typename%7D HTTP/1.1\r\nhost: a.test\r\n"
#: Behind it the server hangs up, so that all that it says can be read.
_LAST = _GET + b"connection: close\r\n\r\n"
#: What is another each time, and the length of it.
_OWN = re.compile(
    rb"(?<=date: )[^\r]+|(?<=content-length: )\d+|(inc|upd|sys|req)_[0-9a-z]{26}|(?<=\"cursor\":)\"[^\"]+\""
)


class StillClock(Clock):
    """A clock that stands still."""

    @override
    def now(self) -> datetime:
        return datetime(2026, 5, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Difference:
    """Bytes that two servers answered differently."""

    sent: bytes
    short: bytes
    through_asgi: bytes


def encoded(odd: Odd) -> bytes:
    """Return a request as bytes."""
    body = b"".join(odd.body)
    lines = [
        odd.method.encode() + b" /graphql" + (b"?" + odd.query if odd.query else b"") + b" HTTP/1.1",
        b"host: a.test",
        *(name + b": " + value for name, value in odd.headers),
        *([] if any(name == b"content-length" for name, _ in odd.headers) else [b"content-length: %d" % len(body)]),
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


class _Bursts:
    """A maker of bursts, the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._odd = [
            odd for name, odd in ODD.items() if odd.body and not any(word in name for word in ("events", "length"))
        ]

    def pieces(self) -> list[bytes]:
        """Return the next burst, in the pieces in which it is sent."""
        text = b"".join(self._request() for _ in range(self._random.choice((1, 1, 1, 2, 6)))) + _LAST
        cuts = sorted(self._random.sample(range(1, len(text)), self._random.choice((0, 0, 1, 3))))
        return [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]

    def _request(self) -> bytes:
        chance = self._random.random()
        if chance < 0.1:
            return _GET + b"\r\n"
        odd = self._random.choice(self._odd) if chance < 0.4 else self._operation()
        text = encoded(odd)
        if chance > 0.97:
            place = self._random.randrange(len(text))
            text = text[:place] + bytes([self._random.randrange(256)]) + text[place + 1 :]
        return text

    def _operation(self) -> Odd:
        given = dict(CAUSED)
        for _ in range(self._random.choice((0, 0, 1, 3))):
            given[self._random.choice(_MEMBERS)] = self._random.choice(_VALUES)
        given = self._random.choice((given, given, given, self._random.choice(_VALUES)))
        body = {
            "query": self._random.choice(_DOCUMENTS),
            "variables": {"input": given, "n": self._random.choice(_VALUES)},
        }
        headers = [JSON, *self._random.sample(_HEADERS, self._random.choice((0, 1, 3)))]
        return replace(posted(body), headers=(*headers, *([KNOWN] if self._random.random() < 0.7 else [])))


async def differences(urls: Sequence[str], *, count: int, seed: int) -> AsyncIterator[Difference]:
    """Yield what two servers, each on a database of its own, answered differently."""
    bursts = _Bursts(seed)
    async with AsyncExitStack() as stack:
        short, through_asgi = [await stack.enter_async_context(_served(url)) for url in urls]
        through_asgi.endpoint.shortcut.answer = lambda *_: None  # type: ignore[method-assign]
        # What is compiled belongs to one server of a process.
        through_asgi.endpoint.compiled._documents = DocumentCache()
        for _ in range(count):
            pieces = bursts.pieces()
            answers = [await _answers(one.port, pieces) for one in (short, through_asgi)]
            if answers[0] != answers[1]:
                yield Difference(b"".join(pieces), *answers)


@asynccontextmanager
async def _served(url: str) -> AsyncIterator[Running]:
    settings = Settings(
        database_url=url,
        automations=False,
        sqlite_synchronous="NORMAL",
        poll_seconds=60,
        rate_limit=10_000_000,
        max_body_bytes=1_000,
        batching_max=3,
    )
    async with running_domain(settings, clock=StillClock()) as domain, serving(domain) as running:
        await make_system(domain, key="api")
        yield running


async def _answers(port: int, pieces: Sequence[bytes]) -> bytes:
    # Not from the address of the proxy that the server trusts.
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.0.2", 0))
    try:
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(0)
        async with asyncio.timeout(60):
            return _OWN.sub(b"*", await reader.read())
    except ConnectionResetError:
        return b"reset"
    finally:
        writer.transport.abort()


async def _main(options: argparse.Namespace) -> int:
    found = 0
    async with fresh_database(options.database) as one, fresh_database(options.database) as other:
        async for difference in differences([one, other], count=options.count, seed=options.seed):
            found += 1
            print("\n".join(map(repr, _shown(difference))))
    print(f"{options.count} bursts, seed {options.seed}, {options.database}: {found} differences")
    return min(found, 1)


def _shown(difference: Difference) -> Iterator[bytes]:
    pairs = zip(difference.short, difference.through_asgi, strict=False)
    place = next((place for place, (one, other) in enumerate(pairs) if one != other), 0)
    yield difference.sent
    for answer in (difference.short, difference.through_asgi):
        yield answer[max(0, place - 100) : place + 200]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.gql.transport.bursts", description=__doc__)
    parser.add_argument("--count", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", default="sqlite", choices=("sqlite", "postgresql"))
    raise SystemExit(asyncio.run(_main(parser.parse_args())))
