"""Outgoing requests, and those that follow a redirect."""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import orjson

from domain.errors import InvalidInputError
from domain.tracing import current_trace

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
#: Control characters but the tab, and halves of characters.
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")
#: They frame the message; another value than the true one is how requests are smuggled.
_OURS = {"connection", "content-length", "host", "te", "trailer", "transfer-encoding", "upgrade"}
#: In ASCII, with no zone behind an IPv6 address; httpx lets more pass.
_HOST = re.compile(r"[A-Za-z0-9._:-]{1,253}")
_LAST_PORT = 65_535
_USER_AGENT = "incidentql"
_SEE_OTHER = 303
_REDIRECTS = {301, 302, _SEE_OTHER, 307, 308}
_FORGETS_POST = {301, 302}
#: Headers without secrets: they may follow a redirect to another server.
_HARMLESS = {"accept", "accept-encoding", "idempotency-key", "user-agent"}
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingRequest:
    """An outgoing request; its headers are in lower case, without those that the transport adds."""

    method: str
    url: httpx.URL
    headers: Mapping[str, str]
    content: bytes | None = None

    def as_httpx(self, *, timeout_seconds: float) -> httpx.Request:
        """Return the request for httpx; user and password of its address become a header."""
        headers = dict(self.headers)
        if (trace := current_trace.get()) is not None:
            headers.setdefault("traceparent", trace)
        if self.url.userinfo:
            user = f"{self.url.username}:{self.url.password}"
            headers.setdefault("authorization", f"Basic {base64.b64encode(user.encode()).decode()}")
        return httpx.Request(
            self.method,
            self.url,
            headers=[(name.encode(), value.encode()) for name, value in headers.items()],
            content=self.content,
            extensions={"timeout": dict.fromkeys(("connect", "read", "write", "pool"), timeout_seconds)},
        )

    def redirected(self, status: int, location: str | None) -> "OutgoingRequest | None":
        """Return the request that follows a redirect; None if the answer is not to be followed.

        Headers and body, which may hold secrets, are not sent to another server.

        Raises:
            InvalidInputError: the redirect is to no web address.
        """
        if status not in _REDIRECTS or not location:
            return None
        url = self._joined(location)
        method, content, headers = self.method, self.content, self.headers
        if (status == _SEE_OTHER and method != "HEAD") or (status in _FORGETS_POST and method == "POST"):
            method, content = "GET", None
            headers = {name: value for name, value in headers.items() if name != "content-type"}
        if _origin(url) != _origin(self.url):
            if content is not None:
                return None
            url = url.copy_with(username=None, password=None)
            headers = {name: value for name, value in headers.items() if name in _HARMLESS}
        return OutgoingRequest(method=method, url=url, headers=headers, content=content)

    def _joined(self, location: str) -> httpx.URL:
        try:
            joined = str(self.url.join(location))
        except (httpx.InvalidURL, ValueError):
            joined = ""
        return checked_url(joined)


def url_fault(text: Any) -> str | None:
    """Return the fault of an address that may still hold templates and secrets; None if it has none."""
    if not isinstance(text, str):
        # Its type is another problem, already reported.
        return None
    known, mark, _ = text.partition("{{")
    known = known.removesuffix("$").strip()
    if not mark:
        try:
            checked_url(known)
        except InvalidInputError as error:
            return error.message
        return None
    begins_well = any(known.lower().startswith(f"{scheme}://") for scheme in _DEFAULT_PORTS)
    may_begin_well = any(f"{scheme}://".startswith(known.lower()) for scheme in _DEFAULT_PORTS)
    return None if begins_well or may_begin_well else "URL must be an absolute http or https address."


def checked_url(text: str, query: Mapping[str, str] | None = None) -> httpx.URL:
    """Return the absolute http or https address, with these parameters added to its query.

    Raises:
        InvalidInputError: it is none. The message does not quote it, because there may be secrets in it.
    """
    try:
        url: httpx.URL | None = httpx.URL(text.strip())
    except (httpx.InvalidURL, ValueError):
        url = None
    if url is None or url.scheme not in _DEFAULT_PORTS or not _is_reachable(url):
        raise InvalidInputError("URL must be an absolute http or https address.", field=["url"])
    return url.copy_merge_params(dict(query)) if query else url


def checked_headers(given: Mapping[str, str], **ours: str) -> dict[str, str]:
    """Return the headers of a request, names in lower case: those given, and our defaults for the others.

    Raises:
        InvalidInputError: one has no valid name or value, or is not for callers to set.
    """
    headers = {"user-agent": _USER_AGENT, "accept": "*/*", "accept-encoding": "identity"}
    headers |= {name.replace("_", "-"): value for name, value in ours.items()}
    for name, value in given.items():
        if not _TOKEN.fullmatch(name) or name.lower() in _OURS:
            raise InvalidInputError("A header has a name that cannot be set.", field=["headers"])
        # Keys are often pasted with the end of their line.
        text = value.strip()
        if _CONTROL.search(text):
            raise InvalidInputError(f"The header {name} must be one line of text.", field=["headers", name])
        headers[name.lower()] = text
    return headers


def json_bytes(value: Any, *, field: str) -> bytes:
    """Return the value as JSON.

    Raises:
        InvalidInputError: it holds a value that JSON cannot express.
    """
    try:
        return orjson.dumps(value)
    except TypeError:
        raise InvalidInputError("This cannot be written as JSON.", field=[field]) from None


def _is_reachable(url: httpx.URL) -> bool:
    return _HOST.fullmatch(url.raw_host.decode("ascii")) is not None and (url.port or 1) <= _LAST_PORT


def _origin(url: httpx.URL) -> tuple[str, str, int]:
    return url.scheme, url.host, url.port or _DEFAULT_PORTS[url.scheme]
