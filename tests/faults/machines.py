"""A machine of its own for PostgreSQL and Redis: a network namespace, whose links can be cut."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.e2e.parts import NotHereError

#: Addresses of one link alone, which no router passes on (RFC 3927).
_NETWORK = "169.254"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A cable between this machine and the other one."""

    machine: str
    name: str
    #: The address of the other one.
    address: str

    async def cut(self) -> None:
        """Let packets get lost both ways; nobody is told."""
        # On the other machine: here, the kernel would refuse connections at once for want of a route.
        await _ip("-n", self.machine, "link", "set", f"{self.name}p", "down")

    async def mend(self) -> None:
        """Let packets pass again."""
        await _ip("-n", self.machine, "link", "set", f"{self.name}p", "up")


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A network namespace and its links."""

    name: str
    links: Sequence[Link]

    @property
    def inside(self) -> Sequence[str]:
        """The command that runs another one on it."""
        return ("nsenter", f"--net=/run/netns/{self.name}", "--")


@asynccontextmanager
async def running_machine(*, links: int) -> AsyncIterator[Machine]:
    """Make a machine with so many links, and remove it at the end.

    Raises:
        NotHereError: this process may not make any.
    """
    name = f"iq{os.getpid()}"
    try:
        await _ip("netns", "add", name)
    except (OSError, RuntimeError) as error:
        raise NotHereError("no network namespace may be made here") from error
    cables = [
        Link(machine=name, name=f"{name}{number}", address=f"{_NETWORK}.{os.getpid() % 254 + 1}.{4 * number + 2}")
        for number in range(links)
    ]
    try:
        for cable in cables:
            await _connect(cable)
        yield Machine(name=name, links=cables)
    finally:
        for cable in cables:
            await _ip("link", "del", f"{cable.name}h", may_fail=True)
        await _ip("netns", "del", name, may_fail=True)


async def _connect(link: Link) -> None:
    here, there = f"{link.name}h", f"{link.name}p"
    host = link.address.rpartition(".")
    own = f"{host[0]}.{int(host[2]) - 1}"
    await _ip("link", "add", here, "type", "veth", "peer", "name", there, "netns", link.machine)
    await _ip("addr", "add", f"{own}/30", "dev", here)
    await _ip("link", "set", here, "up")
    await _ip("-n", link.machine, "addr", "add", f"{link.address}/30", "dev", there)
    await link.mend()


async def _ip(*arguments: str, may_fail: bool = False) -> None:
    process = await asyncio.create_subprocess_exec("ip", *arguments, stderr=asyncio.subprocess.PIPE)
    _, complaint = await process.communicate()
    if process.returncode and not may_fail:
        raise RuntimeError(f"ip {' '.join(arguments)}: {complaint.decode().strip()}")
