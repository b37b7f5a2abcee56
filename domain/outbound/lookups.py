"""Lookups of names in threads of their own, so that a name server that does not answer holds up nothing else."""

import asyncio
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import ip_address
from typing import Any

from domain.outbound.addresses import Address


async def resolve_apart(host: str, port: int) -> Sequence[Address]:
    """Return the addresses of a name, as the system resolves it.

    The loop's own few threads serve everything else that blocks: some names that are looked up for half a minute would
    have all of them. A lookup that the caller gives up goes on for as long, and no end of the process waits for it.

    Raises:
        OSError: there are none.
    """
    loop = asyncio.get_running_loop()
    found: asyncio.Future[list[Any]] = loop.create_future()

    def settle(targets: list[Any] | None, error: Exception | None) -> None:
        if found.done():
            return
        if error is None:
            found.set_result(targets or [])
        else:
            found.set_exception(error)

    def look() -> None:
        targets, failure = None, None
        try:
            targets = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except UnicodeError:
            # Python encodes names itself, and has no other word for a label that is too long.
            failure = OSError("not a host name")
        except OSError as error:
            failure = error
        # The loop may have ended meanwhile.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, targets, failure)

    threading.Thread(target=look, name="lookup", daemon=True).start()
    return list(dict.fromkeys(ip_address(target[0]) for *_, target in await found))
