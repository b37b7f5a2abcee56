"""Limits on connections: the order of evictions, the number for an address, and the timeout."""

import pytest

from domain.settings import Settings
from gql.transport.connections import Connection, ConnectionLimits, Connections

LIMITS = ConnectionLimits(most=4, most_per_address=2, head_bytes=1000, head_seconds=10)
PROXY = "10.0.0.1"


class Line:
    """The peer of a connection, which records how it was closed."""

    def __init__(self) -> None:
        self.ended = ""

    def drop(self) -> None:
        """Record that it was dropped."""
        self.ended = "dropped"

    def time_out(self) -> None:
        """Record that it timed out."""
        self.ended = "given up"


class Moment:
    """A clock that a test advances."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def moment() -> Moment:
    return Moment()


@pytest.fixture
def connections(moment: Moment) -> Connections:
    return Connections(LIMITS, trusts=PROXY.__eq__, now=moment)


def admitted(connections: Connections, host: str, line: Line | None = None) -> Connection:
    connection = connections.admit(line or Line(), host)
    assert connection is not None
    return connection


def test_the_oldest_idle_connection_makes_room_for_a_new_one(connections: Connections) -> None:
    lines = [Line() for _ in range(6)]
    held = [admitted(connections, f"192.0.2.{number}", line) for number, line in enumerate(lines[:4])]
    connections.mark_busy(held[0])
    admitted(connections, "192.0.2.8", lines[4])
    admitted(connections, "192.0.2.9", lines[5])
    assert [line.ended for line in lines] == ["", "dropped", "dropped", "", "", ""]
    assert len(connections) == LIMITS.most


def test_a_busy_connection_is_never_closed(connections: Connections) -> None:
    for number in range(LIMITS.most):
        connections.mark_busy(admitted(connections, f"192.0.2.{number}"))
    assert connections.admit(Line(), "192.0.2.9") is None
    assert len(connections) == LIMITS.most


def test_an_address_evicts_only_connections_of_that_address(connections: Connections) -> None:
    other, *lines = [Line() for _ in range(4)]
    admitted(connections, "192.0.2.1", other)
    for line in lines:
        admitted(connections, "192.0.2.2", line)
    assert [line.ended for line in (other, *lines)] == ["", "dropped", "", ""]


def test_a_busy_address_gets_no_more_connections(connections: Connections) -> None:
    first, second = (admitted(connections, "192.0.2.1") for _ in range(2))
    for connection in (first, second):
        connections.mark_busy(connection)
    assert connections.admit(Line(), "192.0.2.1") is None
    admitted(connections, "192.0.2.2")
    connections.forget(first)
    admitted(connections, "192.0.2.1")


@pytest.mark.parametrize(
    ("one", "same", "other"),
    [
        pytest.param("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", "2001:db8:0:2::1", id="ipv6 network"),
        pytest.param("::ffff:192.0.2.1", "192.0.2.1", "192.0.2.2", id="mapped"),
        pytest.param("fe80::1%eth0", "fe80::2", "fe80:0:0:1::1", id="scoped"),
        pytest.param("a:b", "a:b", "a:c", id="no address at all"),
    ],
)
def test_connections_are_counted_by_network(connections: Connections, one: str, same: str, other: str) -> None:
    for host in (one, same):
        connections.mark_busy(admitted(connections, host))
    assert connections.admit(Line(), one) is None
    assert connections.admit(Line(), other) is not None


def test_a_trusted_proxy_s_requests_count_by_their_address(connections: Connections) -> None:
    for _ in range(LIMITS.most):
        connections.mark_busy(admitted(connections, PROXY))
    held = [connections.hold("192.0.2.1") for _ in range(2)]
    assert None not in held
    assert connections.hold("192.0.2.1") is None
    assert connections.hold("192.0.2.2") is not None
    assert held[0] is not None
    connections.release(held[0])
    assert connections.hold("192.0.2.1") is not None


def test_a_connection_without_a_request_times_out(connections: Connections, moment: Moment) -> None:
    silent, busy, resting = Line(), Line(), Line()
    admitted(connections, "192.0.2.1", silent)
    connections.mark_busy(admitted(connections, "192.0.2.2", busy))
    third = admitted(connections, "192.0.2.3", resting)
    moment.seconds = 9
    connections.mark_busy(third)
    connections.mark_idle(third)
    connections.sweep()
    assert [line.ended for line in (silent, busy, resting)] == ["", "", ""]
    moment.seconds = 10
    connections.sweep()
    assert [line.ended for line in (silent, busy, resting)] == ["given up", "", ""]
    moment.seconds = 19
    connections.sweep()
    assert [line.ended for line in (silent, busy, resting)] == ["given up", "", "given up"]


def test_addresses_without_connections_are_forgotten(connections: Connections) -> None:
    for number in range(50):
        connection = admitted(connections, f"192.0.2.{number}")
        connections.mark_busy(connection)
        connections.mark_idle(connection)
        connections.forget(connection)
        connections.forget(connection)
        held = connections.hold(f"198.51.100.{number}")
        assert held is not None
        connections.release(held)
    assert len(connections) == 0
    assert not connections._origins
    assert not connections._idle


@pytest.mark.parametrize(
    ("room", "most", "most_per_address"),
    [(None, 20_000, 1_000), (20_000, 20_000, 1_000), (19_000, 19_000, 1_000), (128, 128, 64), (1, 1, 1)],
)
def test_an_address_gets_at_most_half_of_a_small_room(room: int | None, most: int, most_per_address: int) -> None:
    limits = ConnectionLimits.of(Settings(), room=room)
    assert (limits.most, limits.most_per_address) == (most, most_per_address)


def test_an_address_with_one_connection_can_replace_it(moment: Moment) -> None:
    connections = Connections(ConnectionLimits(most=4, most_per_address=1, head_bytes=1, head_seconds=1), now=moment)
    for _ in range(3):
        admitted(connections, "192.0.2.1")
    assert len(connections) == 1
    [origin] = connections._origins.values()
    assert origin.open == 1
