"""A guard for threads in which a library opens connections of its own, by Python's audit events.

The library may look names up, follow redirects and try several servers: each address is checked as it is connected to.
It may open no file of the server either, nor start a program. Threads that it
starts itself are not guarded: no library may be used here that does.
"""

import os
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
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


class _Here(threading.local):
    """The rules of this thread, while it is guarded, and what it came to."""

    rules: AddressRules | None = None
    #: The hosts looked up that may be called whatever their addresses are.
    allowed_hosts: set[str]
    refused: str | None = None


_here = _Here()


@contextmanager
def guarded(rules: AddressRules) -> Iterator[None]:
    """Hold what happens in this thread within the block against the rules.

    Raises:
        AddressRefusedError: it tried to call an address that is not allowed, whatever became of that.
    """
    _listen()
    _here.rules, _here.allowed_hosts, _here.refused = rules, set(), None
    try:
        yield
    finally:
        _here.rules = None
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
