"""Rules for the addresses that may be called: public ones, and those that the operator allows besides."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Self

from domain.errors import AddressRefusedError, StartupError

Address = IPv4Address | IPv6Address

# https://www.iana.org/assignments/iana-ipv4-special-registry; Python's own is_global differs between its releases.
_NOT_PUBLIC = [
    ip_network(text)
    for text in (
        "0.0.0.0/8",  # this network, unspecified
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",
        "169.254.0.0/16",  # link-local, where clouds answer with credentials
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
        # Within global unicast: ranges that tunnel to IPv4 addresses, or lead nowhere.
        "2001::/23",  # Teredo and other protocols
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "3fff::/20",  # documentation
    )
]
#: All that IPv6 has in public. Loopback, ULA, link-local, multicast, IPv4-mapped and NAT64 addresses lie outside.
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_LOOPBACK = IPv4Address("127.0.0.1")
_HOST_NAME = re.compile(r"[a-z0-9_](?:[a-z0-9._-]{0,251}[a-z0-9_])?", re.IGNORECASE)
#: Resolvers read such hosts as IPv4 addresses in octal, hexadecimal or one number (WHATWG URL, "ends in a number").
_NUMERIC = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)\.?", re.IGNORECASE)


def is_public(address: Address) -> bool:
    """Return whether the address is public and does not tunnel to another one."""
    if isinstance(address, IPv6Address) and (address not in _GLOBAL_UNICAST or address.scope_id):
        return False
    return not any(address in network for network in _NOT_PUBLIC)


def literal_address(host: str) -> Address | None:
    """Return the address that a host is written as; None for a name to look up.

    Raises:
        AddressRefusedError: it is an obfuscated address, such as an octal one.
    """
    try:
        return ip_address(host)
    except ValueError:
        if _NUMERIC.fullmatch(host):
            raise AddressRefusedError(host) from None
        # RFC 6761, 6.3: always local, whatever a resolver answers.
        return _LOOPBACK if f".{host.lower().rstrip('.')}".endswith(".localhost") else None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressRules:
    """Exceptions to the ban on internal addresses: hosts by name, and networks."""

    hosts: frozenset[str] = frozenset()
    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    @classmethod
    def of(cls, allowed: Sequence[str]) -> Self:
        """Parse a setting of host names, addresses and CIDRs.

        Raises:
            StartupError: one is neither.
        """
        hosts: set[str] = set()
        networks: list[IPv4Network | IPv6Network] = []
        for entry in allowed:
            try:
                networks.append(ip_network(entry))
            except ValueError:
                if not _HOST_NAME.fullmatch(entry.rstrip(".")) or _NUMERIC.fullmatch(entry):
                    raise StartupError(
                        f"INCIDENTQL_HTTP_ALLOW holds {entry!r}, which is no host name, address or network. A network "
                        "is written with its first address: 10.2.0.0/16."
                    ) from None
                hosts.add(entry.lower().rstrip("."))
        return cls(hosts=frozenset(hosts), networks=tuple(networks))

    def permit(self, host: str, addresses: Sequence[Address]) -> None:
        """Refuse a host of which an address may not be called.

        Raises:
            AddressRefusedError: one may not.
        """
        if host.lower().rstrip(".") in self.hosts:
            return
        for address in addresses:
            if not is_public(address) and not any(address in network for network in self.networks):
                raise AddressRefusedError(host)
