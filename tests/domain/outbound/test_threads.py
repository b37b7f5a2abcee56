"""The guard of threads: what a library may not do in one."""

import asyncio
import contextlib
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from domain.errors import AddressRefusedError
from domain.outbound.addresses import AddressRules
from domain.outbound.threads import Connections, guarded, refuse_host

NOTHING = AddressRules()


def _connects() -> None:
    with socket.socket() as made:
        made.connect(("127.0.0.1", 9))


def _connects_without_an_error() -> None:
    with socket.socket() as made, contextlib.suppress(OSError):
        made.connect_ex(("127.0.0.1", 9))


def _sends_a_datagram() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as made:
        made.sendto(b"x", ("169.254.169.254", 53))


def _talks_to_the_machine() -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.connect("/dev/log")


@pytest.mark.parametrize("act", [_connects, _connects_without_an_error, _sends_a_datagram, _talks_to_the_machine])
def test_an_address_that_is_not_allowed_is_not_called(act: Callable[[], None]) -> None:
    with pytest.raises(AddressRefusedError), guarded(NOTHING), contextlib.suppress(OSError):
        act()


@pytest.mark.parametrize(("allowed", "host"), [("127.0.0.0/8", "127.0.0.1"), ("localhost", "localhost")])
def test_an_allowed_address_is_called(allowed: str, host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with guarded(AddressRules.of((allowed,))), socket.create_connection((host, port)) as connected:
            assert connected.getpeername() == ("127.0.0.1", port)


def test_no_file_of_the_server_is_opened_and_nothing_is_started(tmp_path: Path) -> None:
    file = tmp_path / "secret.txt"
    file.write_text("hush")
    with guarded(NOTHING):
        with pytest.raises(PermissionError, match="no file is opened here"):
            file.read_text()
        with pytest.raises(PermissionError, match="no program is started here"):
            subprocess.run([sys.executable, "-c", ""], check=False)
        Path(contextlib.__file__).read_text()
    assert file.read_text() == "hush"


async def test_other_threads_are_not_guarded() -> None:
    with guarded(NOTHING):
        pass

    def connect() -> bool:
        with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
            return True

    assert await asyncio.to_thread(connect)


@pytest.mark.parametrize("host", ["127.0.0.1", "0x7f.1", "2130706433", "localhost", "a.localhost", "::1", "fd00::1"])
def test_a_host_that_leads_inside_is_refused(host: str) -> None:
    with pytest.raises(AddressRefusedError):
        refuse_host(NOTHING, host)


def test_a_host_without_an_address_is_left_to_the_call() -> None:
    host = f"{'x' * 64}.invalid"
    refuse_host(NOTHING, host)
    with pytest.raises((OSError, UnicodeError)):
        socket.getaddrinfo(host, None)


def test_connections_are_cut_and_no_other_is_opened() -> None:
    connections, rules = Connections(), AddressRules.of(("127.0.0.1",))
    with socket.create_server(("127.0.0.1", 0)) as server, guarded(rules, connections):
        closed = socket.create_connection(server.getsockname())
        peer, _ = server.accept()
        closed.close()
        with socket.create_connection(server.getsockname()) as made, peer:
            # What the library closed is closed, as soon as it opens another one.
            assert peer.recv(1) == b""
            connections.cut()
            assert made.recv(1) == b""
            with pytest.raises(PermissionError):
                socket.create_connection(server.getsockname())
