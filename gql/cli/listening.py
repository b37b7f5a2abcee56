"""Sockets that listen."""

import errno
import socket

from domain.errors import StartupError

BACKLOG = 2048
#: A peer that acknowledges nothing for so long is gone; the kernel then frees its socket.
_DEAD_PEER_MILLIS = 20_000


def bind(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """Return a socket that listens at this address.

    A shared one leaves the address to others as well, and does not listen before it is served: what came would wait.

    Raises:
        StartupError: it is taken, or of another machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _DEAD_PEER_MILLIS)
        listening.bind((host, port))
        if not shared:
            listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            raise StartupError(
                f"Port {port} on {host} is taken. Stop whatever listens there, or use --port."
            ) from error
        raise StartupError(f"Cannot listen on {host}:{port}: {error.strerror or error}.") from error
    return listening
