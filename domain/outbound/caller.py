"""Calls of other servers: with a timeout, retries with back-off, and a check of every address."""

import asyncio
import ssl
import time
import zlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cached_property
from random import SystemRandom
from typing import Any

import httpx

from domain.clock import Clock
from domain.errors import RequestFailedError
from domain.outbound.addresses import Address, AddressRules, literal_address
from domain.outbound.bodies import read_body, shown_body
from domain.outbound.requests import OutgoingRequest
from domain.outbound.transport import GuardedTransport, Resolver, resolve_host

#: The timeout of all attempts together.
LONGEST_SECONDS = 180.0
_FIRST_WAIT_SECONDS = 0.5
_LONGEST_WAIT_SECONDS = 20.0
#: The longest Retry-After that is honoured.
_LONGEST_RETRY_AFTER_SECONDS = 60.0
_MOST_REDIRECTS = 3
#: How long a name may take to be looked up before its address is saved.
_LOOKUP_SECONDS = 5.0
_chance = SystemRandom().random
#: The headers of an answer that hold no secrets; the others are redacted.
_SHOWN = ("content-type", "content-length", "date", "etag", "last-modified", "retry-after", "x-request-id")


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRules:
    """The timeout, retries and expected statuses of a call; without `expect` 200 to 299 are expected."""

    timeout_seconds: float
    retries: int
    retry_on: frozenset[int]
    expect: frozenset[int] = frozenset()
    follow_redirects: bool = False

    def expects(self, status: int) -> bool:
        """Return whether an answer of that status is a success."""
        return status in self.expect if self.expect else httpx.codes.is_success(status)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpResult:
    """The last answer of a server."""

    status: int
    #: Those that hold no secrets, names in lower case.
    headers: Mapping[str, str]
    #: JSON where it is JSON, text otherwise, None where it is empty; it may hold secrets that the request had.
    body: Any
    #: Whether the body was cut to its first 64 kB.
    truncated: bool
    attempts: int
    duration_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    status: int
    headers: httpx.Headers
    content: bytes = b""
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class _Failure:
    reason: str
    passes: bool = True


class HttpCaller:
    """A client without a connection pool: each connection is checked, and calls share no state."""

    def __init__(
        self,
        *,
        rules: AddressRules,
        clock: Clock,
        resolve: Resolver = resolve_host,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        elapsed: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = _chance,
    ) -> None:
        self._rules = rules
        self._clock = clock
        self._resolve = resolve
        self._sleep = sleep
        self._elapsed = elapsed
        self._chance = chance

    async def call(self, prepare: Callable[[], OutgoingRequest], rules: CallRules) -> HttpResult:
        """Send a request, and return its answer; `prepare` makes the request, again for each attempt.

        Retries until the rules expect the answer, for LONGEST_SECONDS at most. A request whose answer was lost is sent
        again: at least once.

        Raises:
            RequestFailedError: the last answer was not expected, or there was none.
            AddressRefusedError: the server's address is not allowed.
            InvalidInputError: the request is not valid, or a redirect is to no web address.
        """
        began = self._elapsed()
        attempts = 0
        while True:
            attempts += 1
            request = prepare()
            left = LONGEST_SECONDS - (self._elapsed() - began)
            outcome = await self._attempt(request, rules, seconds=min(rules.timeout_seconds, left))
            wait = self._wait_seconds(outcome, rules, attempts)
            spent = self._elapsed() - began
            if wait is None or spent + wait >= LONGEST_SECONDS:
                return _concluded(request.url.host, outcome, rules, attempts=attempts, duration_seconds=spent)
            await self._sleep(wait)

    async def check(self, url: httpx.URL) -> None:
        """Check, without a call, that a server may be called; a call checks its addresses again.

        A name that cannot be resolved passes.

        Raises:
            AddressRefusedError: its address is not allowed.
        """
        literal = literal_address(url.host)
        addresses: Sequence[Address] = [literal] if literal else ()
        if literal is None:
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(_LOOKUP_SECONDS):
                    addresses = await self._resolve(url.host, url.port or 0)
        self._rules.permit(url.host, addresses)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        # It takes some 20 ms: once, and not before the first call. SSL_CERT_FILE names an operator's own authorities.
        return httpx.create_ssl_context()

    def _wait_seconds(self, outcome: _Answer | _Failure, rules: CallRules, attempts: int) -> float | None:
        """Return the back-off before the next attempt; None if there is no next attempt."""
        if attempts > rules.retries:
            return None
        backoff = min(_FIRST_WAIT_SECONDS * 2 ** (attempts - 1), _LONGEST_WAIT_SECONDS)
        wait: float = backoff * (0.5 + self._chance() / 2)
        if isinstance(outcome, _Failure):
            return wait if outcome.passes else None
        if outcome.status not in rules.retry_on or rules.expects(outcome.status):
            return None
        retry_after = retry_after_seconds(outcome.headers.get("retry-after", ""), now=self._clock.now())
        return max(wait, min(retry_after, _LONGEST_RETRY_AFTER_SECONDS))

    async def _attempt(self, request: OutgoingRequest, rules: CallRules, *, seconds: float) -> _Answer | _Failure:
        # The library's errors quote headers and addresses, which may hold secrets: only their kind is passed on.
        try:
            # For the whole exchange: its own limits hold for each read, and a byte a second satisfies them.
            async with asyncio.timeout(seconds):
                return await self._exchange(request, rules, seconds=seconds)
        except (TimeoutError, httpx.TimeoutException):
            return _Failure(f"did not answer within {seconds:g} s")
        except httpx.ConnectError:
            return _Failure("could not be reached, or has no certificate to trust")
        except (httpx.TransportError, ssl.SSLError):
            # The libraries pass on as it is what TLS has to say once the handshake is over.
            return _Failure("broke the connection off, or speaks no HTTP")
        except zlib.error:
            return _Failure("sent a body that cannot be unpacked", passes=False)

    async def _exchange(self, request: OutgoingRequest, rules: CallRules, *, seconds: float) -> _Answer | _Failure:
        async with GuardedTransport(rules=self._rules, resolve=self._resolve, tls=self._tls) as transport:
            for _ in range(_MOST_REDIRECTS + 1):
                response = await transport.handle_async_request(request.as_httpx(timeout_seconds=seconds))
                try:
                    location = response.headers.get("location") if rules.follow_redirects else None
                    following = request.redirected(response.status_code, location)
                    if following is None:
                        content, truncated = await read_body(response)
                        return _Answer(
                            status=response.status_code, headers=response.headers, content=content, truncated=truncated
                        )
                finally:
                    await response.aclose()
                request = following
        return _Failure(f"redirected more than {_MOST_REDIRECTS} times", passes=False)


def retry_after_seconds(text: str, *, now: datetime) -> float:
    """Return the seconds of a Retry-After header (RFC 9110, 10.2.3); 0 for anything but seconds or a date."""
    if text.isascii() and text.isdigit():
        return float(text[:6])
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return 0.0
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now) / timedelta(seconds=1))


def _concluded(
    host: str, outcome: _Answer | _Failure, rules: CallRules, *, attempts: int, duration_seconds: float
) -> HttpResult:
    if isinstance(outcome, _Failure):
        raise RequestFailedError(host, outcome.reason, attempts=attempts)
    result = HttpResult(
        status=outcome.status,
        headers={name: outcome.headers[name] for name in _SHOWN if name in outcome.headers},
        body=shown_body(outcome.content, truncated=outcome.truncated, headers=outcome.headers),
        truncated=outcome.truncated,
        attempts=attempts,
        duration_seconds=duration_seconds,
    )
    if not rules.expects(outcome.status):
        raise RequestFailedError(host, f"answered {outcome.status}", attempts=attempts, answer=result)
    return result
