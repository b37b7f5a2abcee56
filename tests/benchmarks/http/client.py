"""The load client: a few keep-alive connections, each with the next request as soon as it has its answer."""

import select
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import httptools

_PATIENCE_SECONDS = 20


@dataclass(slots=True)
class Outcome:
    """The outcome of a number of requests."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    failures: int = 0
    #: One of the answers that were failures.
    complaint: bytes = b""


def drive(
    port: int,
    next_request: Callable[[], bytes],
    *,
    connections: int,
    seconds: float,
    most: int | None = None,
    keep: list[bytes] | None = None,
) -> Outcome:
    """Keep the connections busy for so long, or until so many requests are answered; `keep` gets the answers.

    Raises:
        TimeoutError: the server stopped answering.
    """
    outcome = Outcome()
    clients = [_Connection(port) for _ in range(connections)]
    by_number = {client.socket.fileno(): client for client in clients}
    left = [most if most is not None else 1 << 60]
    begun = time.perf_counter()
    with select.epoll() as poll:
        busy = sum(_ask(client, next_request, left) for client in clients)
        for number in by_number:
            poll.register(number, select.EPOLLIN)
        while busy:
            ready = poll.poll(_PATIENCE_SECONDS)
            if not ready:
                raise TimeoutError(f"no answer within {_PATIENCE_SECONDS} s")
            for number, _ in ready:
                client = by_number[number]
                if client.received(outcome, keep):
                    in_time = time.perf_counter() - begun < seconds
                    busy -= not (in_time and _ask(client, next_request, left))
    outcome.seconds = time.perf_counter() - begun
    for client in clients:
        client.socket.close()
    return outcome


def framed(body: bytes, *, token: str | None) -> bytes:
    """Return the bytes of a request with that body, by the caller with that token."""
    authorization = f"Authorization: Bearer {token}\r\n" if token else ""
    head = (
        "POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Accept: application/json\r\n{authorization}Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def percentile(latencies: Sequence[float], share: float) -> float:
    """The latency that this share of the requests stayed within."""
    return sorted(latencies)[min(len(latencies) - 1, int(len(latencies) * share))]


def _ask(client: "_Connection", next_request: Callable[[], bytes], left: list[int]) -> bool:
    if not left[0]:
        return False
    left[0] -= 1
    client.send(next_request())
    return True


class _Connection:
    """One connection; the parser calls its `on_` methods."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._parser = httptools.HttpResponseParser(self)
        self._parts: list[bytes] = []
        self._complete = False
        self._sent_at = 0.0

    def send(self, request: bytes) -> None:
        self._parts, self._complete = [], False
        self._sent_at = time.perf_counter()
        self.socket.sendall(request)

    def received(self, outcome: Outcome, keep: list[bytes] | None) -> bool:
        """Read what is there; whether the answer is complete."""
        data = self.socket.recv(1 << 18)
        if not data:
            raise ConnectionResetError("the server closed a connection that was to be kept alive")
        self._parser.feed_data(data)
        if not self._complete:
            return False
        outcome.latencies.append(time.perf_counter() - self._sent_at)
        body = b"".join(self._parts)
        if keep is not None:
            keep.append(body)
        if self._parser.get_status_code() != 200 or b'"errors"' in body or b'"userErrors":[{' in body:
            outcome.failures += 1
            outcome.complaint = body[:300]
        return True

    def on_body(self, part: bytes) -> None:
        self._parts.append(part)

    def on_message_complete(self) -> None:
        self._complete = True
