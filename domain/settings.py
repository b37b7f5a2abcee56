"""The operator's settings, from `INCIDENTQL_*` variables and the command line."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from types import NoneType
from typing import Any, Self, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

from domain.errors import StartupError

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}
_LAST_PORT = 65535
_SYNCHRONOUS = ("FULL", "NORMAL", "EXTRA")
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_FORMATS = ("TEXT", "JSON")
_READERS = ("LOCAL", "TOKEN", "OPEN", "OFF")
#: As long as that a token cannot be guessed.
_LEAST_SECRET = 16
_MOST_WORKERS = 64
#: Four run automations and one listens; a read and a write have to fit beside them.
_LEAST_CONNECTIONS = 7
#: Settings in which the processes of one installation differ.
_OF_PROCESSES = {"host", "port", "workers", "metrics_port", "automations", "webhooks"}
#: Addresses in which a password may be, although they are shown.
_WITH_PASSWORDS = {"broadcast_url"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings of one process; every field is also `INCIDENTQL_<FIELD>` in the environment."""

    host: str = "127.0.0.1"
    port: int = 8000
    #: How many processes `serve` and `work` start.
    workers: int = 1
    database_url: str = field(default="sqlite:///incidentql.db", repr=False)
    #: Where the same PostgreSQL database is without a pooler in between: for locks of a session, and for LISTEN.
    direct_database_url: str | None = field(default=None, repr=False)
    #: How many connections to PostgreSQL this process opens at most.
    postgres_connections: int = 10
    #: Where replicas of it are, one host or several, which answer queries.
    read_url: str | None = field(default=None, repr=False)
    #: How long a query waits for a replica to reach the cursor that it names, before the primary answers it.
    read_wait_seconds: float = 1.0
    #: How far behind the primary a replica may be that is asked at all.
    read_lag_seconds: float = 10.0
    broadcast_url: str = "memory://"
    admin_token: str | None = field(default=None, repr=False)
    #: Whether callers without a token may read what is public.
    anonymous_access: bool = True
    #: Where the public reaches this server, for links in feeds; by default as each request did.
    public_url: str | None = None
    #: The name of feeds and status pages.
    public_name: str = "IncidentQL"
    #: The language of status pages: en, de, or auto for the one that each reader's browser asks for.
    public_language: str = "en"
    #: A file, SVG or PNG, that status pages show in the place of their name.
    public_logo: str | None = None
    #: The colour of their links, such as #0057b8; it is made darker or lighter where it could not be read.
    public_color: str | None = None
    #: The mail server for visitors who subscribe to the status page, and the mailbox that it sends as.
    mail_url: str | None = field(default=None, repr=False)
    mail_from: str | None = None
    #: Whether visitors may have messages sent to web addresses of theirs; they need `public_url` as well.
    visitor_webhooks: bool = True
    #: Internal hosts and networks to which those may lead; anybody may name them.
    visitor_http_allow: tuple[str, ...] = ()
    #: Whose JSON Web Tokens are taken as bearer tokens, too; the audience says which of them are meant for this server.
    oidc_issuer: str | None = None
    oidc_audience: str | None = None
    #: Where the issuer's keys are; by default its own discovery document says so.
    oidc_jwks_url: str | None = None
    #: Where a token says what its owner is: a path of claims such as realm_access.roles.
    oidc_role_claim: str = "role"
    #: What that means here: sre=RESPONDER,boss=ADMIN. Without it, what it says is the role.
    oidc_role_map: str = ""
    #: The role of owners of whom nothing is said that means anything here; NONE refuses them.
    oidc_default_role: str = "VIEWER"
    #: The client that this server is at the issuer, for people who sign in from a browser; a public one has no secret.
    oidc_client_id: str | None = None
    oidc_client_secret: str | None = field(default=None, repr=False)
    #: What is asked of the issuer for them.
    oidc_scopes: str = "openid profile email"
    #: What secrets are encrypted with: Fernet keys, separated by commas. The first encrypts, all of them decrypt.
    secret_key: str | None = field(default=None, repr=False)
    #: Internal hosts and networks that automations and webhooks may call: names, addresses or CIDRs.
    http_allow: tuple[str, ...] = ()
    #: How durable an acknowledged write is on SQLite: FULL survives a power cut, NORMAL only a crash of the process.
    sqlite_synchronous: str = "FULL"
    #: How long a write waits for another process's write on the same SQLite file.
    sqlite_busy_seconds: float = 10.0
    #: How many days the event log is kept; 0 keeps it for ever.
    event_retention_days: int = 0
    #: How long a reader of the log sleeps when no wake-up arrives.
    poll_seconds: float = 1.0
    #: How many recent changes each process keeps in memory for its subscribers.
    ring_size: int = 2000
    #: How long a server that is asked to stop goes on, not ready, until everybody in front of it knows.
    drain_seconds: float = 0.0
    max_body_bytes: int = 1_000_000
    #: Whether a browser at /graphql gets an IDE.
    ide: bool = True
    #: How long a client may take to send its request's body.
    body_timeout_seconds: float = 10.0
    #: How large a request's head may be, from its first line to the empty one.
    max_head_bytes: int = 65_536
    #: How long a client may take for it, from the beginning of its connection or the end of the last answer.
    head_timeout_seconds: float = 10.0
    #: How many connections there may be at a time: in this process, and from one address.
    max_connections: int = 20_000
    max_connections_per_address: int = 1_000
    #: How many WebSockets and streams one caller may have open: with one token, or from one address without.
    max_sockets_per_caller: int = 1_000
    #: How many unshared subscriptions a caller may have; shared ones cost next to nothing.
    max_subscriptions_per_token: int = 200
    max_subscriptions_per_address: int = 20
    #: Web pages of which origins may call the API from a browser; `*` is all of them.
    cors_origins: tuple[str, ...] = ()
    #: How many queries one request may carry as a JSON array; 0 refuses arrays.
    batching_max: int = 0
    #: A folder of `.graphql` files, or a JSON file of documents by id, that clients may name instead of sending text.
    documents: str | None = None
    #: Whether only those documents run.
    documents_only: bool = False
    #: Whether the schema can be asked for, and errors suggest names from it.
    introspection: bool = True
    max_cost: int = 10_000
    max_depth: int = 15
    max_aliases: int = 100
    max_directives: int = 50
    max_tokens: int = 2000
    #: Points of cost that a caller may spend in a minute; 0 sets no limit.
    rate_limit: int = 600_000
    #: How long a query or mutation may take; 0 sets no limit.
    execution_seconds: float = 20.0
    #: Whether this process routes and runs automations; some process of the database has to.
    automations: bool = True
    #: How long runs of automations are kept once they are over; 0 is for ever.
    run_retention_days: int = 30
    #: Whether this process queues and sends what webhooks and visitors get; some process of the database has to.
    webhooks: bool = True
    #: How long deliveries of integrations and of webhooks are kept; 0 is for ever.
    delivery_retention_days: int = 30
    #: How long the audit log is kept; 0 is for ever.
    audit_retention_days: int = 365
    log_level: str = "INFO"
    #: The form of the log: text for people, or json, one object a line.
    log_format: str = "text"
    #: Where traces are sent, by OTLP over HTTP; without it, where OpenTelemetry's own variables say, or nowhere.
    traces_url: str | None = None
    #: Whether spans of operations have the text of their documents, in which people may write anything.
    trace_documents: bool = False
    #: A query or mutation that takes longer is in the log; 0 logs none.
    slow_operation_millis: float = 1000.0
    #: Who may read /metrics: programs on this machine (local), none without a token (token), anybody (open); or off.
    metrics: str = "local"
    #: A port for them and for probes alone; of several workers, each takes the next one.
    metrics_port: int | None = None
    #: The token with which a monitor reads them; one of the role ADMIN may as well.
    metrics_token: str | None = field(default=None, repr=False)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ, **overrides: Any) -> Self:
        """Return the settings of this environment; empty variables and empty overrides are ignored.

        Raises:
            StartupError: a variable has a value that its setting cannot take.
        """
        hints = get_type_hints(cls)
        values: dict[str, Any] = {}
        for setting in fields(cls):
            text = environment.get(f"INCIDENTQL_{setting.name.upper()}")
            # Compose files and charts set variables to nothing where a user left theirs out.
            if text is not None and text.strip() and not _is_of_kubernetes(setting.name, text):
                values[setting.name] = _parse(setting.name, text, hints[setting.name])
        return cls(**(values | _given(overrides)))

    def __post_init__(self) -> None:
        _require_one_of(_SYNCHRONOUS, sqlite_synchronous=self.sqlite_synchronous)
        _require_one_of(_LEVELS, log_level=self.log_level)
        _require_one_of(_READERS, metrics=self.metrics)
        _require_one_of(_FORMATS, log_format=self.log_format)
        _require_long(metrics_token=self.metrics_token)
        self._check_ports()
        if self.postgres_connections < _LEAST_CONNECTIONS:
            raise StartupError(f"INCIDENTQL_POSTGRES_CONNECTIONS must be {_LEAST_CONNECTIONS} or more.")
        if not 0 <= self.sqlite_busy_seconds < math.inf:
            raise StartupError("INCIDENTQL_SQLITE_BUSY_SECONDS must not be negative.")
        self._check_retention()
        _require_positive(
            body_timeout_seconds=self.body_timeout_seconds,
            max_body_bytes=self.max_body_bytes,
            max_head_bytes=self.max_head_bytes,
            head_timeout_seconds=self.head_timeout_seconds,
            max_connections=self.max_connections,
            max_connections_per_address=self.max_connections_per_address,
            max_sockets_per_caller=self.max_sockets_per_caller,
            max_subscriptions_per_token=self.max_subscriptions_per_token,
            max_subscriptions_per_address=self.max_subscriptions_per_address,
            max_cost=self.max_cost,
            max_depth=self.max_depth,
            max_aliases=self.max_aliases,
            max_directives=self.max_directives,
            max_tokens=self.max_tokens,
            read_lag_seconds=self.read_lag_seconds,
        )
        if min(self.rate_limit, self.batching_max) < 0 or not 0 <= self.execution_seconds < math.inf:
            raise StartupError("Rate limit, batching and execution seconds must not be negative.")
        self._check_bounds()
        _require_web(public_url=self.public_url, traces_url=self.traces_url)
        if self.documents_only and self.documents is None:
            raise StartupError("INCIDENTQL_DOCUMENTS_ONLY needs INCIDENTQL_DOCUMENTS: nothing could run without them.")

    def _check_retention(self) -> None:
        if (
            not 0 < self.poll_seconds < math.inf
            or self.ring_size < 1
            or min(self.event_retention_days, self.run_retention_days) < 0
            or min(self.delivery_retention_days, self.audit_retention_days) < 0
        ):
            raise StartupError("Poll seconds and ring size must be positive, retention days not negative.")

    def _check_bounds(self) -> None:
        _require_bound(slow_operation_millis=self.slow_operation_millis, drain_seconds=self.drain_seconds)
        _require_bound(read_wait_seconds=self.read_wait_seconds)

    def _check_ports(self) -> None:
        _require_between(1, _MOST_WORKERS, workers=self.workers)
        _require_between(0, _LAST_PORT, port=self.port)
        # Each worker takes the next one.
        _require_between(1, _LAST_PORT - self.workers + 1, metrics_port=self.metrics_port or 1)


def shown_settings(settings: Settings) -> dict[str, Any]:
    """Return the settings that an installation has in common and that hold no secret, by name."""
    return {
        each.name: getattr(settings, each.name)
        for each in fields(settings)
        if each.repr and each.name not in _OF_PROCESSES | _WITH_PASSWORDS
    }


def _is_of_web(url: str) -> bool:
    """Return whether an address is one that links can begin with."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    is_plain = url.isprintable() and " " not in url and not parts.query and not parts.fragment and not parts.password
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and is_plain


def _require_one_of(words: Sequence[str], **values: str) -> None:
    for name, value in values.items():
        if value.upper() not in words:
            raise StartupError(f"INCIDENTQL_{name.upper()} must be {', '.join(words[:-1])} or {words[-1]}.")


def _require_long(**secrets: str | None) -> None:
    for name, secret in secrets.items():
        if secret is not None and len(secret) < _LEAST_SECRET:
            raise StartupError(f"INCIDENTQL_{name.upper()} must have {_LEAST_SECRET} characters or more.")


def _require_web(**urls: str | None) -> None:
    for name, url in urls.items():
        if url is not None and not _is_of_web(url):
            raise StartupError(f"INCIDENTQL_{name.upper()} must be an address such as https://incidents.example.com.")


def _require_bound(**values: float) -> None:
    for name, value in values.items():
        if not 0 <= value < math.inf:
            raise StartupError(f"INCIDENTQL_{name.upper()} must not be negative, not {value}.")


def _require_between(least: int, most: int, **values: int) -> None:
    for name, value in values.items():
        if not least <= value <= most:
            raise StartupError(f"INCIDENTQL_{name.upper()} must lie between {least} and {most}, not {value}.")


def _require_positive(**values: float) -> None:
    for name, value in values.items():
        if not 0 < value < math.inf:
            raise StartupError(f"INCIDENTQL_{name.upper()} must be positive, not {value}.")


def _is_of_kubernetes(name: str, text: str) -> bool:
    """Return whether Kubernetes set the variable: it sets INCIDENTQL_PORT for a service of that name."""
    return name == "port" and text.startswith(("tcp://", "udp://", "sctp://"))


def _given(overrides: dict[str, Any]) -> dict[str, Any]:
    blank = {name for name, value in overrides.items() if isinstance(value, str) and not value.strip()}
    return {name: value for name, value in overrides.items() if value is not None and name not in blank}


def _parse(name: str, text: str, hint: Any) -> Any:
    if get_origin(hint) is tuple:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    kind = next((option for option in get_args(hint) if option is not NoneType), hint)
    try:
        if kind is bool:
            return _flag(text)
        return kind(text)
    except ValueError as error:
        raise StartupError(f"INCIDENTQL_{name.upper()} cannot be {text!r}: a {kind.__name__} is needed.") from error


def _flag(text: str) -> bool:
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise ValueError(text)
