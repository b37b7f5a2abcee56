"""Connections to the very address that was checked, so that DNS rebinding changes nothing."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence
from ipaddress import ip_address

import httpcore
import httpx
from typing_extensions import override

from domain.outbound.addresses import Address, AddressRules, literal_address

#: A lookup of a host name's addresses.
Resolver = Callable[[str, int], Awaitable[Sequence[Address]]]
#: The most addresses of a host that are tried: each that does not answer takes its share of the timeout.
_MOST_ADDRESSES = 4


async def resolve_host(host: str, port: int) -> Sequence[Address]:
    """Return the addresses of a name, as the system resolves it.

    Raises:
        OSError: there are none.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        # Python encodes names itself, and has no other word for a label that is too long.
        raise OSError("not a host name") from error
    return list(dict.fromkeys(ip_address(target[0]) for *_, target in found))


class GuardedTransport(httpx.AsyncHTTPTransport):
    """An httpx transport without proxies that checks each address; TLS and Host keep the name."""

    def __init__(self, *, rules: AddressRules, resolve: Resolver, tls: ssl.SSLContext) -> None:
        super().__init__(verify=tls, trust_env=False)
        # httpx has no argument for it; a test holds that nothing goes past.
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls, http1=True, http2=False, network_backend=_GuardedBackend(rules=rules, resolve=resolve)
        )


class _GuardedBackend(httpcore.AsyncNetworkBackend):
    def __init__(self, *, rules: AddressRules, resolve: Resolver) -> None:
        self._rules = rules
        self._resolve = resolve
        self._inner = httpcore.AnyIOBackend()

    @override
    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        addresses = (await self._permitted(host, port))[:_MOST_ADDRESSES]
        share = None if timeout is None else timeout / len(addresses)
        failure: Exception = httpcore.ConnectError("no address")
        for address in addresses:
            try:
                return await self._inner.connect_tcp(str(address), port, timeout=share, local_address=local_address)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def _permitted(self, host: str, port: int) -> Sequence[Address]:
        literal = literal_address(host)
        try:
            addresses = [literal] if literal else await self._resolve(host, port)
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        if not addresses:
            raise httpcore.ConnectError("no address")
        self._rules.permit(host, addresses)
        return addresses
