"""The services that messages are sent to, by Apprise: the only module that knows it.

It is synchronous and opens its own connections, so it works in threads of its own, each guarded.
"""

import asyncio
import contextlib
import logging
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar
from urllib.parse import urlsplit

from apprise import Apprise, AppriseAsset, NotificationManager, NotifyFormat, NotifyType
from apprise.plugins import NotifyBase
from typing_extensions import override

from domain.errors import InvalidInputError
from domain.model.channel import Message
from domain.notifications.errors import NotSentError, UnknownServiceError
from domain.notifications.threads import Threads
from domain.outbound.addresses import AddressRules
from domain.outbound.threads import Connections, guarded, refuse_host

T = TypeVar("T")
_THREADS = 8
#: For one attempt: the library's own limits hold for each read.
TIMEOUT_SECONDS = 30.0
LONGEST_URL = 4_000
#: Parameters of URLs that name files of the server.
_FILES = {"template", "keyfile", "pgpkey", "pgppub", "pgpprv", "subfile"}
#: These show messages on the server's own desk, or write its own log.
_LOCAL = {"blink1", "dbus", "glib", "gnome", "kde", "macosx", "qt", "syslog", "windows"}
#: These work in threads of their own, which nothing would guard.
_UNGUARDED = {"mqtt", "mqtts", "xmpp", "xmpps"}
_STATUS = re.compile(r"\berror=(\d{3})\b")
#: Refusals of the moment (RFC 9110, 15.5.9; RFC 8470; RFC 6585, 4).
_PASSING = {"408", "425", "429"}
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]{0,30}", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """A URL as it may be shown."""

    service: str
    address: str


class Services:
    """The services, each behind a URL; nothing of a URL is in results, errors or logs but its scheme and host."""

    def __init__(self, rules: AddressRules, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._rules = rules
        self._timeout_seconds = timeout_seconds
        self._threads = Threads(_THREADS)

    async def describe(self, url: str) -> Described:
        """Return what may be shown of a URL.

        Raises:
            UnknownServiceError: it leads to no service.
            AddressRefusedError: it leads to an address that is not allowed.
            InvalidInputError: its host could not be looked up in time.
        """
        try:
            return await self._in_thread(lambda: _described(_plugin(url, self._rules)))
        except TimeoutError:
            raise InvalidInputError("The host of this URL could not be looked up in time.", field=["url"]) from None

    async def send(self, url: str, message: Message, *, channel: str) -> None:
        """Send a message; where its answer is lost, it may have been sent.

        Raises:
            NotSentError: the service did not take it.
            UnknownServiceError: the URL leads to no service any more.
            AddressRefusedError: it leads to an address that is not allowed.
        """
        connections = Connections()
        try:
            failure = await self._in_thread(lambda: _sent(url, message, self._rules, connections))
        except TimeoutError:
            # Else a service that answers by a byte now and then would have the thread for good.
            connections.cut()
            failure = _Failure(f"did not take the message within {self._timeout_seconds:g} s")
        if failure is not None:
            raise NotSentError(channel, failure.reason, passes=failure.passes)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        async with asyncio.timeout(self._timeout_seconds):
            return await self._threads.run(work)


@dataclass(frozen=True, slots=True)
class _Failure:
    reason: str
    passes: bool = True


def _sent(url: str, message: Message, rules: AddressRules, connections: Connections) -> _Failure | None:
    """Send a message; return why it was not sent."""
    plugin = _plugin(url, rules)
    _identify(plugin, message.id)
    with _heard() as answers, guarded(rules, connections):
        try:
            if plugin.notify(
                body=message.body, title=message.title, notify_type=NotifyType.INFO, body_format=NotifyFormat.TEXT
            ):
                return None
        except Exception:  # noqa: BLE001 - of a hundred services; their errors may quote the URL
            return _Failure("could not send the message")
    if not answers:
        return _Failure("could not be reached, or refused the message")
    return _Failure(f"answered {answers[-1]}", passes=answers[-1] in _PASSING or not answers[-1].startswith("4"))


def _plugin(url: str, rules: AddressRules) -> NotifyBase:
    """Return the library's own object for a URL.

    Raises:
        UnknownServiceError: there is none, or it is of this machine.
        AddressRefusedError: it leads to an address that is not allowed.
    """
    if len(url) > LONGEST_URL or not url.isprintable() or _names_file(url):
        raise UnknownServiceError
    _prepare()
    plugin: Any = None
    # A parameter may be the path of a file, which some services read at once.
    with guarded(rules), contextlib.suppress(Exception):
        plugin = Apprise.instantiate(url.strip(), asset=_asset(), suppress_exceptions=True)
    if not isinstance(plugin, NotifyBase) or _scheme(plugin) in _LOCAL | _UNGUARDED:
        raise UnknownServiceError
    # A URL may ask for more, by `rto` and `cto`.
    plugin.socket_read_timeout = min(plugin.socket_read_timeout, TIMEOUT_SECONDS)
    plugin.socket_connect_timeout = min(plugin.socket_connect_timeout, TIMEOUT_SECONDS)
    # Mail goes to its server alone, and the host is that of addresses. Services with a host of their own have none.
    if host := str(getattr(plugin, "smtp_host", None) or _host(plugin)).strip("[]"):
        refuse_host(rules, host)
    return plugin


def _asset() -> AppriseAsset:
    # No pictures from the library's own site, no redirects, which could carry secrets elsewhere, nothing on the disk.
    return AppriseAsset(
        app_id="IncidentQL",
        app_desc="IncidentQL",
        app_url="",
        image_url_mask="",
        image_url_logo="",
        http_redirects=False,
        pgp_autogen=False,
        pem_autogen=False,
        storage_mode="memory",
        async_mode=False,
    )


def _names_file(url: str) -> bool:
    query = url.partition("?")[2]
    names = {part.partition("=")[0].strip().lower() for part in re.split(r"[&?]", query)}
    return bool(names & _FILES) or "file:" in url.lower()


def _host(plugin: NotifyBase) -> str:
    return str(plugin.host or "").strip("[]") if "host" in plugin.template_tokens else ""


def _described(plugin: NotifyBase) -> Described:
    host = _host(plugin)
    port = f":{plugin.port}" if host and plugin.port else ""
    shown = f"[{host}]" if ":" in host else host
    return Described(service=str(plugin.service_name)[:100], address=f"{_scheme(plugin)}://{shown}{port}/****"[:300])


def _scheme(plugin: NotifyBase) -> str:
    # Of the library's own form of the URL: an address of a service may be given as its web hook.
    shown = plugin.url(privacy=True)  # type: ignore[no-untyped-call] # the library's method has no types
    scheme = urlsplit(str(shown)).scheme
    return scheme if _SCHEME.fullmatch(scheme) else ""


def _identify(plugin: NotifyBase, message_id: str) -> None:
    """Put the id into the message where the service has a place for it: a receiver can drop what it knows."""
    headers = getattr(plugin, "headers", None)
    if isinstance(headers, dict):
        headers.setdefault("X-Notification-Id" if hasattr(plugin, "smtp_host") else "Idempotency-Key", message_id)
    extras = getattr(plugin, "payload_extras", None)
    if isinstance(extras, dict):
        extras.setdefault("id", message_id)


class _Hearing(logging.Filter):
    """A filter that lets no line of the library pass, and keeps the statuses of answers for their own thread."""

    def __init__(self) -> None:
        super().__init__()
        self.here = threading.local()

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        statuses: list[str] | None = getattr(self.here, "statuses", None)
        if statuses is not None and (found := _STATUS.search(record.getMessage())):
            statuses.append(found[1])
        return False


_hearing = _Hearing()


@contextlib.contextmanager
def _heard() -> Iterator[list[str]]:
    statuses: list[str] = []
    _hearing.here.statuses = statuses
    try:
        yield statuses
    finally:
        _hearing.here.statuses = None


@cache
def _prepare() -> None:
    """Load all services, and keep the library's log lines, which have URLs and answers, out of ours."""
    logger = logging.getLogger("apprise")
    logger.addFilter(_hearing)
    logger.setLevel(logging.WARNING)
    logging.getLogger("urllib3").setLevel(logging.CRITICAL)
    NotificationManager().load_modules()  # type: ignore[no-untyped-call] # the library's class has no types
