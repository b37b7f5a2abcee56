"""A guard for threads in which a library opens connections of its own, by Python's audit events.

The library may look names up, follow redirects and try several servers: each address is checked as it is connected to.
It may open no file of the server either, nor start a program. Threads that it
starts itself are not guarded: no library may be used here that does.
"""

import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from ipaddress import ip_address
from typing import Any

from domain.errors import AddressRefusedError
from domain.outbound.addresses import AddressRules, literal_address

#: https://docs.python.org/3/library/audit_events.html
_CONNECTING = {"socket.connect", "socket.sendto", "socket.sendmsg"}
_STARTING = {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "syslog.openlog", "syslog.syslog"}
#: Modules, and the data of installed packages, are read as they are needed.
_MODULES = (".py", ".pyc", ".so")
_READABLE = tuple(f"{os.path.realpath(folder)}{os.sep}" for folder in {sys.prefix, sys.base_prefix, sys.exec_prefix})


class Connections:
    """The connections that a guarded thread opened, which another one can cut."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        #: By the library's descriptors, under ones of our own: theirs may be closed, and another's, by then.
        self._opened: list[tuple[int, socket.socket]] = []
        self._is_cut = False

    def add(self, made: socket.socket) -> None:
        """Note a socket that is about to be connected.

        Raises:
            PermissionError: they were cut.
        """
        with self._lock:
            if self._is_cut:
                raise PermissionError("the time is over")
            self._drop(lambda number, ours: not _is_open(number, ours))
            self._opened.append((made.fileno(), socket.socket(fileno=os.dup(made.fileno()))))

    def cut(self) -> None:
        """End all of them: what the thread waits for there has come to its end, and none is opened any more."""
        with self._lock:
            self._is_cut = True
            for _, ours in self._opened:
                with suppress(OSError):
                    ours.shutdown(socket.SHUT_RDWR)

    def forget(self) -> None:
        """Give the descriptors back, once the thread has ended its work."""
        with self._lock:
            self._drop(lambda *_: True)

    def _drop(self, wanted: Callable[[int, socket.socket], bool]) -> None:
        for each in [each for each in self._opened if wanted(*each)]:
            each[1].close()
            self._opened.remove(each)


def _is_open(number: int, ours: socket.socket) -> bool:
    """Return whether the library still has a connection open that we have, too: a receiver may wait for its end."""
    try:
        return os.path.sameopenfile(number, ours.fileno())
    except OSError:
        return False


class _Here(threading.local):
    """The rules of this thread, while it is guarded, and what it came to."""

    rules: AddressRules | None = None
    #: The hosts looked up that may be called whatever their addresses are.
    allowed_hosts: set[str]
    refused: str | None = None
    connections: Connections | None = None


_here = _Here()


@contextmanager
def guarded(rules: AddressRules, connections: Connections | None = None) -> Iterator[None]:
    """Hold what happens in this thread within the block against the rules, and note what it connects.

    Raises:
        AddressRefusedError: it tried to call an address that is not allowed, whatever became of that.
    """
    _listen()
    _here.rules, _here.allowed_hosts, _here.refused, _here.connections = rules, set(), None, connections
    try:
        yield
    finally:
        _here.rules = _here.connections = None
        if connections is not None:
            connections.forget()
        if _here.refused is not None:
            raise AddressRefusedError(_here.refused) from None


@cache
def _listen() -> None:
    """Listen to the events of this process; such a hook can be added, and not removed."""
    sys.addaudithook(_audit)


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    # Of every thread, for each event: nothing but this look may be done for the others.
    if (rules := _here.rules) is None:
        return
    if event in _CONNECTING:
        _check_address(rules, arguments[1])
        if event == "socket.connect" and _here.connections is not None:
            _here.connections.add(arguments[0])
    elif event == "socket.getaddrinfo":
        _note_host(rules, arguments[0])
    elif event == "open":
        _check_file(arguments[0])
    elif event in _STARTING:
        raise PermissionError("no program is started here")


def _check_address(rules: AddressRules, address: Any) -> None:
    if address is None:
        # A datagram socket that is connected already: that was checked.
        return
    host = str(address[0]) if isinstance(address, tuple) else "a local socket"
    try:
        rules.permit(host, [ip_address(host)])
    except (AddressRefusedError, ValueError):
        if not _is_of_allowed_host(host):
            _here.refused = host
            # The library takes it for a server that cannot be reached.
            raise PermissionError("this address is not allowed") from None


def _is_of_allowed_host(address: str) -> bool:
    for name in tuple(_here.allowed_hosts):
        if address in {str(target[0]) for *_, target in socket.getaddrinfo(name, None)}:
            return True
    return False


def _note_host(rules: AddressRules, host: Any) -> None:
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host)
    if name.lower().rstrip(".") in rules.hosts:
        _here.allowed_hosts.add(name)


def _check_file(file: Any) -> None:
    if isinstance(file, int):
        return
    path = os.path.realpath(os.fsdecode(file))
    if path != os.devnull and not path.startswith(_READABLE) and not path.endswith(_MODULES):
        raise PermissionError("no file is opened here")


def refuse_host(rules: AddressRules, host: str) -> None:
    """Refuse a host that leads to an address that is not allowed; one that has none now is checked once it is called.

    It looks the name up, and blocks meanwhile.

    Raises:
        AddressRefusedError: it leads to one.
    """
    literal = literal_address(host)
    if literal is not None:
        rules.permit(host, [literal])
        return
    try:
        found = {str(target[0]) for *_, target in socket.getaddrinfo(host, None)}
    except (OSError, UnicodeError):
        return
    rules.permit(host, [ip_address(address) for address in found])
