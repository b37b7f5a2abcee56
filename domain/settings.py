"""What an operator can set, from `INCIDENTQL_*` variables and the command line."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import NoneType
from typing import Any, Self, get_args, get_type_hints

from domain.errors import StartupError

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}
_LAST_PORT = 65535


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings of one process; every field is also `INCIDENTQL_<FIELD>` in the environment."""

    host: str = "127.0.0.1"
    port: int = 8000
    database_url: str = "sqlite:///incidentql.db"
    broadcast_url: str = "memory://"
    admin_token: str | None = None
    #: Whether callers without a token may read what is public.
    anonymous_access: bool = True
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
    max_body_bytes: int = 1_000_000
    #: Whether a browser at /graphql gets an IDE.
    ide: bool = True
    log_level: str = "INFO"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ, **overrides: Any) -> Self:
        """The settings of this environment; overrides that are None do not count.

        Raises:
            StartupError: a variable has a value that its setting cannot take.
        """
        hints = get_type_hints(cls)
        values: dict[str, Any] = {}
        for field in fields(cls):
            text = environment.get(f"INCIDENTQL_{field.name.upper()}")
            if text is not None:
                values[field.name] = _parse(field.name, text, hints[field.name])
        return cls(**(values | _given(overrides)))

    def __post_init__(self) -> None:
        if self.sqlite_synchronous.upper() not in {"FULL", "NORMAL", "EXTRA"}:
            raise StartupError("INCIDENTQL_SQLITE_SYNCHRONOUS must be FULL, NORMAL or EXTRA.")
        if not 0 <= self.port <= _LAST_PORT:
            raise StartupError(f"The port must lie between 0 and 65535, not {self.port}.")
        if not 0 <= self.sqlite_busy_seconds < math.inf:
            raise StartupError("INCIDENTQL_SQLITE_BUSY_SECONDS must not be negative.")
        if not 0 < self.poll_seconds < math.inf or self.ring_size < 1 or self.event_retention_days < 0:
            raise StartupError("Poll seconds and ring size must be positive, retention days not negative.")


def _given(overrides: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in overrides.items() if value is not None}


def _parse(name: str, text: str, hint: Any) -> Any:
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
