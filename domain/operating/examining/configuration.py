"""The examination of settings: variables that mean nothing, and settings that contradict each other or need a file."""

import asyncio
import difflib
import resource
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path

from domain.derived import pool_size, replica_addresses, secret_keys
from domain.errors import StartupError
from domain.messaging.wakeups import ALONE
from domain.operating.examining.results import Result, ok, problem, warning
from domain.outbound.addresses import AddressRules
from domain.persistence.addresses import PostgresAddress, postgres_address
from domain.persistence.engines import database_url
from domain.services.oidc import OidcRules
from domain.settings import Settings
from domain.visitors.mailing import MailServer

_PREFIX = "INCIDENTQL_"
#: Variables that other commands and benchmarks read.
_OTHERS = {f"{_PREFIX}{name}" for name in ("SERVER", "TOKEN", "PROFILE", "PROFILES", "BENCHMARK_DATA")}
#: What Kubernetes sets in every container for a service of this name, which says where that is.
_OF_SERVICES = ("_SERVICE_", "_PORT_")
#: Files beside connections: the database, its log and key, calls, and new connections that are not counted yet.
_RESERVED_FILES = 1024
_LEAST_POOL = 3
#: Settings that do nothing without another one.
_WITHOUT_EFFECT = (
    ("OIDC", "oidc_audience", "oidc_issuer"),
    ("OIDC", "oidc_client_id", "oidc_issuer"),
    ("mail", "mail_from", "mail_url"),
)


def unknown_variables(environment: Mapping[str, str]) -> Sequence[Result]:
    """Return the variables of the environment that look like settings and are none."""
    known = {f"{_PREFIX}{field.name.upper()}" for field in fields(Settings)} | _OTHERS
    named = [name for name in environment if name.startswith(_PREFIX) and name not in known]
    unknown = [name for name in sorted(named) if not any(part in name for part in _OF_SERVICES)]
    found = []
    for name in unknown:
        close = difflib.get_close_matches(name, known, n=1)
        advice = f"Did you mean {close[0]}?" if close else "Remove it, or look it up in docs/settings.md."
        found.append(warning("settings", f"{name} is no setting.", advice))
    return found or [ok("settings", "every INCIDENTQL_ variable is a known one.")]


async def examine_settings(settings: Settings) -> Sequence[Result]:
    """Examine what a start would refuse, and what contradicts another setting."""
    found = [*_refused(settings), *_contradictions(settings), *await asyncio.to_thread(_files, settings)]
    return found or [ok("configuration", "no setting is refused or contradicts another one.")]


async def examine_limits(settings: Settings) -> Sequence[Result]:
    """Examine whether there are as many open files as connections may come."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = settings.max_connections + _RESERVED_FILES
    if hard != resource.RLIM_INFINITY and hard < needed:
        advice = (
            f"Raise the hard limit to {needed} (LimitNOFILE= of systemd, ulimit -Hn), or set MAX_CONNECTIONS lower."
        )
        return [
            warning("open files", f"{hard} are allowed, too few for {settings.max_connections} connections.", advice)
        ]
    return [ok("open files", "as many as MAX_CONNECTIONS needs are allowed.")]


def _refused(settings: Settings) -> Iterator[Result]:
    tried: dict[str, Callable[[], object]] = {
        "database": lambda: database_url(settings.database_url),
        "direct database": lambda: settings.direct_database_url and postgres_address(settings.direct_database_url),
        "replicas": lambda: replica_addresses(settings),
        "secret key": lambda: secret_keys(settings),
        "OIDC": lambda: OidcRules.of(settings),
        "mail": lambda: settings.mail_url and MailServer.of(settings.mail_url, settings.mail_from),
        "HTTP_ALLOW": lambda: AddressRules.of(settings.http_allow),
        "VISITOR_HTTP_ALLOW": lambda: AddressRules.of(settings.visitor_http_allow),
    }
    for part, attempt in tried.items():
        try:
            attempt()
        except StartupError as error:
            yield problem(part, error.message, "A server would not start.")


def _contradictions(settings: Settings) -> Iterator[Result]:
    for part, name, needed in _WITHOUT_EFFECT:
        if getattr(settings, name) and not getattr(settings, needed):
            found = f"{name.upper()} has no effect without {needed.upper()}."
            yield warning(part, found, "Set both, or neither.")
    if settings.mail_url and not settings.public_url:
        yield problem("mail", "MAIL_URL needs PUBLIC_URL: mails have links.", "A server would not start.")
    if "*" in settings.cors_origins:
        yield warning("CORS", "pages of every origin may call from a browser.", "Name the origins in CORS_ORIGINS.")
    yield from _of_postgres(settings) if settings.database_url.startswith("postgres") else _of_sqlite(settings)


def _of_postgres(settings: Settings) -> Iterator[Result]:
    if settings.broadcast_url == ALONE:
        advice = "With several processes set BROADCAST_URL, to the database's own URL or to redis://."
        yield warning("broadcaster", f"none: other processes are noticed after {settings.poll_seconds:g} s.", advice)
    if pool_size(settings) < _LEAST_POOL:
        yield problem("connections", f"POSTGRES_CONNECTIONS leaves {pool_size(settings)} for requests.", "Raise it.")


def _of_sqlite(settings: Settings) -> Iterator[Result]:
    if settings.direct_database_url:
        yield warning("database", "DIRECT_DATABASE_URL has no effect on SQLite.", "Remove it.")
    if settings.sqlite_synchronous.upper() == "NORMAL":
        advice = "Set SQLITE_SYNCHRONOUS to FULL where that matters."
        yield warning("durability", "a power cut may take the last writes that were acknowledged.", advice)


def _files(settings: Settings) -> Iterator[Result]:
    for name, wanted in (("DOCUMENTS", settings.documents), ("PUBLIC_LOGO", settings.public_logo)):
        if wanted and not Path(wanted).exists():
            yield problem(name, f"{wanted} does not exist.", "A server would not start.")


def postgres_of(settings: Settings) -> PostgresAddress | None:
    """Return the address of PostgreSQL without a pooler; None on SQLite, and where it cannot be read."""
    try:
        url = database_url(settings.direct_database_url or settings.database_url)
    except StartupError:
        return None
    return url if isinstance(url, PostgresAddress) else None
