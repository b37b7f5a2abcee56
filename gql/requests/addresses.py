"""Addresses as they are counted, for callers that are distinguished by them."""

import ipaddress
from functools import lru_cache

_IPV6_NETWORK_BITS = 64
#: What one who wants many addresses gets easily: the networks that are rented, and routed, as one.
_NEIGHBOUR_BITS = {4: 24, 6: 48}
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


def neighbours_of(host: str) -> str:
    """Return the network of an address whose others may be its owner's as well; the text itself where it is none."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host[:_LONGEST_NAME]
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return str(ipaddress.ip_network((address.packed, _NEIGHBOUR_BITS[address.version]), strict=False))
