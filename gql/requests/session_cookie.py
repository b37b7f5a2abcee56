"""The cookie by which a person is signed in: it holds their token, and no script reads it."""

import zlib
from collections.abc import Mapping
from urllib.parse import quote, unquote, urlsplit

from starlette.responses import Response
from starlette.types import Scope

from domain.settings import Settings
from gql.requests.headers import mark_secret
from gql.requests.origins import is_foreign, is_same_origin, is_secure, origin_of

_NAME = "incidentql_session"
#: How many bytes browsers take, for the name and the value together (RFC 6265, 6.1).
MOST_BYTES = 4096


class SessionCookie:
    """The cookie as it is set, cleared and read; where cookies of its name have different texts, none counts.

    By https its name begins with `__Host-`: no other host, and no page without encryption, can set it. Below a path it
    is `__Secure-`, which a host of the same domain can set beside ours; which of the two is ours, nothing tells.
    Elsewhere its name has the port: cookies know none, and two servers on one machine have one each. So have two of
    which one is below the other's path, by a checksum of it.
    """

    def __init__(self, settings: Settings, *, name: str = _NAME) -> None:
        self._public_url = settings.public_url
        self._name = name

    def authorization_of(self, scope: Scope, headers: Mapping[bytes, bytes]) -> str | None:
        """Return the `Authorization` of a request: its own or, of a page of this server, that of its cookie."""
        given = headers.get(b"authorization")
        if given is not None:
            return given.decode("latin-1")
        if b"cookie" not in headers or not is_same_origin(scope, headers, public_url=self._public_url):
            return None
        return self._bearer(scope, headers)

    def read_by_page(self, scope: Scope, headers: Mapping[bytes, bytes]) -> str | None:
        """Return the `Authorization` of a request's cookie for an answer that changes nothing.

        Where a browser says nothing of its origin, as of a GET to a host without https, the cookie counts: pages of
        other origins are sent none with such requests, and could not read the answer.
        """
        if is_foreign(scope, headers, public_url=self._public_url):
            return None
        return self._bearer(scope, headers)

    def is_from_page(self, scope: Scope, headers: Mapping[bytes, bytes]) -> bool:
        """Return whether a page of this server sent a request."""
        return is_same_origin(scope, headers, public_url=self._public_url)

    def value_of(self, scope: Scope, headers: Mapping[bytes, bytes]) -> str | None:
        """Return the text in a request's cookie, wherever it comes from; None where there is none, or are several."""
        wanted, found = self._name_in(scope, headers), set[str]()
        for pair in headers.get(b"cookie", b"").decode("latin-1").split(";"):
            # Nothing but these two: other characters that Python takes for space are part of a name, and browsers take
            # one that begins with them for any other name, which does not have to keep what `__Host-` promises.
            name, _, value = pair.strip(" \t").partition("=")
            if name == wanted and value:
                found.add(value)
        return unquote(found.pop(), errors="replace") if len(found) == 1 else None

    def fits(self, value: str) -> bool:
        """Return whether a browser would keep this text."""
        longest_name = f"__Secure-{self._name}_{_of_path('/any')}"
        return len(quote(value, safe="")) + len(longest_name) <= MOST_BYTES

    def set(
        self,
        response: Response,
        value: str,
        scope: Scope,
        headers: Mapping[bytes, bytes],
        *,
        seconds: int,
        is_strict: bool = True,
    ) -> None:
        """Have a response set the cookie, which lasts that long; it is cleared by an empty text and 0."""
        response.set_cookie(
            self._name_in(scope, headers),
            quote(value, safe=""),
            max_age=seconds,
            path=self._path_in(scope, headers),
            secure=self._is_secure(scope, headers),
            httponly=True,
            samesite="strict" if is_strict else "lax",
        )

    def _bearer(self, scope: Scope, headers: Mapping[bytes, bytes]) -> str | None:
        value = self.value_of(scope, headers)
        if value is None:
            return None
        mark_secret(scope)
        return f"Bearer {value}"

    def _name_in(self, scope: Scope, headers: Mapping[bytes, bytes]) -> str:
        path = self._path_in(scope, headers)
        name = self._name if path == "/" else f"{self._name}_{_of_path(path)}"
        if self._is_secure(scope, headers):
            return f"{'__Host-' if path == '/' else '__Secure-'}{name}"
        _, _, port = headers.get(b"host", b"").decode("latin-1").rpartition(":")
        return f"{name}_{port}" if port.isdigit() else name

    def _path_in(self, scope: Scope, headers: Mapping[bytes, bytes]) -> str:
        """Return the path below which the server is: its own, or a proxy's that `PUBLIC_URL` has."""
        if scope.get("root_path"):
            return str(scope["root_path"])
        return urlsplit(self._public_url or "").path.rstrip("/") or "/" if self._is_public(headers) else "/"

    def _is_secure(self, scope: Scope, headers: Mapping[bytes, bytes]) -> bool:
        """Return whether a browser came by https, also where a proxy does not say so, or is not trusted."""
        is_https = self._public_url is not None and self._public_url.lower().startswith("https:")
        return is_secure(scope) or (is_https and self._is_public(headers))

    def _is_public(self, headers: Mapping[bytes, bytes]) -> bool:
        """Return whether a request is for the host of `PUBLIC_URL`."""
        _, _, host = (origin_of(self._public_url) or "").partition("://")
        return host == headers.get(b"host", b"").decode("latin-1").lower()


def _of_path(path: str) -> str:
    return f"{zlib.crc32(path.encode()):08x}"
