"""The origin of requests that browsers send: a page of this server, or of anybody."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.types import Scope

_PORTS = {"http": ":80", "https": ":443"}


def is_secure(scope: Scope) -> bool:
    """Return whether a request came by https, as the server or a proxy that it trusts says."""
    return scope.get("scheme") in {"https", "wss"}


def is_same_origin(scope: Scope, headers: Mapping[bytes, bytes], *, public_url: str | None = None) -> bool:
    """Return whether a page of this server sent a request: `Sec-Fetch-Site` says so or, where it is absent, `Origin`.

    A request with neither is of no such page: browsers without the first name the second in all that can write.
    Whatever opens a WebSocket has to name it as well, because not every browser sends the first one with that.
    """
    site = headers.get(b"sec-fetch-site")
    if site not in {None, b"same-origin"}:
        return False
    return (site is not None and scope["type"] == "http") or _is_own(scope, headers, public_url)


def is_foreign(scope: Scope, headers: Mapping[bytes, bytes], *, public_url: str | None = None) -> bool:
    """Return whether a request says that it comes from elsewhere than a page of this server."""
    says = headers.keys() & {b"sec-fetch-site", b"origin"}
    return bool(says) and not is_same_origin(scope, headers, public_url=public_url)


def origin_of(url: str | None) -> str | None:
    """Return the origin of an address, as browsers write it."""
    if url is None:
        return None
    address = urlsplit(url.lower())
    return f"{address.scheme}://{address.netloc.rpartition('@')[2].removesuffix(_PORTS.get(address.scheme, ''))}"


def _is_own(scope: Scope, headers: Mapping[bytes, bytes], public_url: str | None) -> bool:
    scheme, _, host = headers.get(b"origin", b"").decode("latin-1").lower().partition("://")
    # A page that came without encryption may be anybody's.
    if not host or scheme not in _PORTS or (scheme == "http" and is_secure(scope)):
        return False
    if public_url is not None and f"{scheme}://{host}" == origin_of(public_url):
        return True
    return _with_port(host, scheme) == _with_port(headers.get(b"host", b"").decode("latin-1"), scheme)


def _with_port(host: str, scheme: str) -> str:
    has_port = host.rpartition(":")[2].isdigit() and not host.endswith("]")
    return (host if has_port else host + _PORTS[scheme]).lower()
