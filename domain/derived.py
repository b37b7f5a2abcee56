"""Derivations from the settings: addresses, connections and keys."""

from collections.abc import Sequence
from pathlib import Path

from domain.automations.engine.adapter import CONNECTIONS
from domain.clock import Clock
from domain.errors import StartupError
from domain.persistence.addresses import PostgresAddress, postgres_address
from domain.persistence.engines import database_url
from domain.persistence.replica import Replica, each_host
from domain.persistence.replicas import Replicas
from domain.services.oidc import OidcRules, OidcVerifier
from domain.services.secret_keys import SecretKeys
from domain.settings import Settings


def pool_size(settings: Settings) -> int:
    """Return how many of the process's connections are left for reads and writes."""
    elsewhere = 1 if settings.broadcast_url.startswith("postgres") else 0
    return settings.postgres_connections - elsewhere - (CONNECTIONS if settings.automations else 0)


def wakeup_url(settings: Settings) -> str:
    """Return the broadcaster's address; LISTEN bypasses a pooler where there is a direct address."""
    url = settings.broadcast_url
    if not url.startswith("postgres"):
        return url
    if url == settings.database_url and settings.direct_database_url is not None:
        url = settings.direct_database_url
    return postgres_address(url).dsn()


def replica_addresses(settings: Settings) -> Sequence[PostgresAddress]:
    """Return the address of each replica that answers queries.

    Raises:
        StartupError: the setting is no address of PostgreSQL, or the database itself is none.
    """
    if settings.read_url is None:
        return []
    if not isinstance(database_url(settings.database_url), PostgresAddress):
        raise StartupError("INCIDENTQL_READ_URL is for PostgreSQL: a SQLite file has no replicas.")
    return each_host(postgres_address(settings.read_url))


def replicas_of(settings: Settings) -> Replicas | None:
    """Return the replicas that answer queries; None where there are none.

    Raises:
        StartupError: the setting is no address of PostgreSQL, or the database itself is none.
    """
    addresses = replica_addresses(settings)
    if not addresses:
        return None
    return Replicas(
        [Replica(address, connections=settings.postgres_connections) for address in addresses],
        wait_seconds=settings.read_wait_seconds,
        lag_seconds=settings.read_lag_seconds,
    )


def secret_keys(settings: Settings) -> SecretKeys:
    """Return the keys that secrets are encrypted with."""
    url = database_url(settings.database_url)
    # Servers of one PostgreSQL database may be on machines that share no file.
    return SecretKeys.of(settings.secret_key, None if isinstance(url, PostgresAddress) else Path(f"{url.database}.key"))


def oidc_verifier(settings: Settings, clock: Clock) -> OidcVerifier | None:
    """Return the verifier of users' tokens; None where there is no issuer."""
    rules = OidcRules.of(settings)
    return OidcVerifier(rules, clock) if rules else None
