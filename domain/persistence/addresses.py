"""Addresses of PostgreSQL as libpq accepts them, converted for each driver: providers' URLs work as they are."""

import logging
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import asyncpg

from domain.errors import StartupError

logger = logging.getLogger(__name__)

_SCHEMES = {"postgres", "postgresql", "postgresql+asyncpg", "postgresql+psycopg", "postgresql+psycopg2"}
#: Parameters for the host, database and user, which other parts of the URL can hold as well.
_PLACES = ("host", "port", "user", "password", "dbname")
#: Parameters that asyncpg and libpq interpret alike.
_BOTH = {
    *("sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl", "sslpassword", "sslnegotiation"),
    *("ssl_min_protocol_version", "ssl_max_protocol_version"),
    *("target_session_attrs", "passfile", "service", "krbsrvname", "gsslib"),
}
#: Parameters that do not apply to asyncpg: its sockets are asyncio's, and its text is always UTF-8.
_LIBPQ_ALONE = {
    *("keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout"),
    *("client_encoding", "fallback_application_name", "sslsni", "sslcompression", "gssencmode", "channel_binding"),
    *("load_balance_hosts", "hostaddr"),
}
_OURS = {"application_name", "connect_timeout", "options"}
_CONNECT_SECONDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresAddress:
    """The address of a database with its connection parameters; each host has its port, or all have the default."""

    hosts: Sequence[str] = ()
    ports: Sequence[int] = ()
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    database: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def names_one_of_several(self) -> bool:
        """Return whether it names several servers, of which only the one that accepts writes is meant."""
        return len(self.hosts) > 1 and self.parameters.get("target_session_attrs") in {"read-write", "primary"}

    @property
    def timeout_seconds(self) -> float:
        """The timeout for connecting."""
        # For libpq, 0 and less is no timeout, which would block the start here.
        seconds = int(self.parameters.get("connect_timeout", 0))
        return seconds if seconds > 0 else _CONNECT_SECONDS

    def for_asyncpg(self, **server_settings: str) -> dict[str, Any]:
        """Return the arguments of `asyncpg.connect`; server settings in the address take precedence."""
        given = _settings_of(self.parameters.get("options", ""))
        if name := self.parameters.get("application_name"):
            given["application_name"] = name
        query = {name: value for name, value in self.parameters.items() if name in _BOTH}
        arguments: dict[str, Any] = {
            "user": self.user,
            "password": self.password,
            "database": self.database,
            "timeout": self.timeout_seconds,
            "server_settings": {**server_settings, **given},
        }
        if query.get("sslrootcert") == "system":
            # The driver looks for a file of that name.
            del query["sslrootcert"]
            arguments["ssl"] = ssl.create_default_context()
        if self.hosts:
            arguments |= {"host": list(self.hosts), "port": list(self.ports) or None}
        arguments["dsn"] = f"postgresql://?{urlencode(query, quote_via=quote)}" if query else None
        return arguments

    def for_libpq(self) -> dict[str, str]:
        """Return the parameters of libpq's own connection string."""
        places = {
            "host": ",".join(self.hosts),
            "port": ",".join(map(str, self.ports)),
            "user": self.user or "",
            "password": self.password or "",
            "dbname": self.database or "",
        }
        usual = {"connect_timeout": str(_CONNECT_SECONDS), "application_name": "incidentql"}
        return {**usual, **self.parameters, **{name: value for name, value in places.items() if value}}

    def dsn(self) -> str:
        """Return a URL that asyncpg parses itself, for libraries that accept nothing else."""
        places = {name: value for name, value in self.for_libpq().items() if name in _PLACES}
        known = {name: value for name, value in self.parameters.items() if name in _BOTH | {"application_name"}}
        return f"postgresql://?{urlencode(places | known | _settings_of(self.parameters.get('options', '')))}"


def postgres_address(text: str) -> PostgresAddress:
    """Return the address in a URL.

    Raises:
        StartupError: it is no such URL, or says something that is not known.
    """
    try:
        parts = urlsplit(text)
        parameters = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
        credentials, _, places = parts.netloc.rpartition("@")
        user, _, password = credentials.partition(":")
        given = {name: parameters.pop(name, "") for name in _PLACES}
        hosts, ports = _hosts(unquote(places) or given["host"], given["port"])
    except ValueError as error:
        raise StartupError("The database URL is not valid. Use postgresql://user:password@host:5432/name.") from error
    _check(parts.scheme, parameters)
    return PostgresAddress(
        hosts=hosts,
        ports=ports,
        user=unquote(user) or given["user"] or None,
        password=unquote(password) or given["password"] or None,
        database=unquote(parts.path.removeprefix("/")) or given["dbname"] or None,
        parameters={name: value for name, value in parameters.items() if value},
    )


async def connect(address: PostgresAddress, **server_settings: str) -> asyncpg.Connection:
    """Open a connection of its own, outside of any pool."""
    return await asyncpg.connect(**address.for_asyncpg(**server_settings))


def _hosts(text: str, ports: str) -> tuple[Sequence[str], Sequence[int]]:
    if not text:
        return (), [int(port) for port in ports.split(",") if port]
    found = [_host(part) for part in text.split(",")]
    usual = [int(port) if port else 5432 for port in ports.split(",")] if ports else [5432]
    usual = usual * len(found) if len(usual) == 1 else usual
    if len(usual) != len(found):
        raise ValueError(ports)
    return [host for host, _ in found], [port or other for (_, port), other in zip(found, usual, strict=True)]


def _host(text: str) -> tuple[str, int | None]:
    if text.startswith("/"):
        return text, None
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":")
    else:
        host, _, port = text.partition(":")
    return host, int(port) if port else None


def _check(scheme: str, parameters: Mapping[str, str]) -> None:
    if scheme not in _SCHEMES:
        raise StartupError(f"Databases of the kind {scheme!r} are not supported. Use sqlite:/// or postgresql://.")
    unknown = sorted(parameters.keys() - _BOTH - _LIBPQ_ALONE - _OURS)
    if unknown:
        raise StartupError(f"The database URL has a parameter that is not known: {unknown[0]}. libpq's are.")
    if not parameters.get("connect_timeout", "0").lstrip("-").isdigit():
        raise StartupError("The database URL's connect_timeout must be a whole number of seconds.")
    if parameters.get("channel_binding") == "require":
        logger.warning("channel_binding=require holds for automations' connections alone; the rest relies on sslmode")
    if parameters.get("gssencmode") == "require":
        raise StartupError("The database URL asks for gssencmode=require, which is not supported. Use sslmode=require.")
    _settings_of(parameters.get("options", ""))


def _settings_of(options: str) -> dict[str, str]:
    """Return the server settings in libpq's `options`: `-c name=value`, `-cname=value` or `--name=value`."""
    settings: dict[str, str] = {}
    words = iter(_words(options))
    for word in words:
        text = word.removeprefix("--") if word.startswith("--") else word.removeprefix("-c")
        if word.startswith("-c") and not text:
            text = next(words, "")
        name, equals, value = text.partition("=")
        if not word.startswith(("-c", "--")) or not equals:
            raise StartupError(f"The database URL's options have {word!r}. Use -c name=value.")
        settings[name.replace("-", "_") if word.startswith("--") else name] = value
    return settings


def _words(text: str) -> Sequence[str]:
    """Return the words between spaces; a backslash keeps a space in its word, as in libpq."""
    parts = text.replace("\\\\", "\x00").replace("\\ ", "\x01").split()
    return [part.replace("\x01", " ").replace("\x00", "\\") for part in parts]
