"""Addresses as they are counted, for callers that are distinguished by them."""

import ipaddress
from functools import lru_cache

_IPV6_NETWORK_BITS = 64
#: Longer than any address; a proxy may send any text.
_LONGEST_NAME = 64


@lru_cache(maxsize=1024)
def network_of(host: str) -> str:
    """Return the address as it is counted; for IPv6 the network, because one customer has all of its addresses."""
    try:
        address = ipaddress.IPv6Address(host.partition("%")[0]) if ":" in host else None
    except ValueError:
        address = None
    if address is None:
        return host[:_LONGEST_NAME]
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(address), _IPV6_NETWORK_BITS), strict=False))
