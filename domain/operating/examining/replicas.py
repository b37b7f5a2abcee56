"""The examination of replicas: whether each is a standby of this database, and how far it is behind."""

from collections.abc import Sequence

from domain.derived import replica_addresses
from domain.errors import StartupError
from domain.operating.examining.configuration import postgres_of
from domain.operating.examining.results import Result, ok, warning
from domain.persistence.replica_looks import look_at_replicas
from domain.settings import Settings

_KILOBYTE = 1024


async def examine_replicas(settings: Settings) -> Sequence[Result]:
    """Examine each replica that READ_URL names."""
    try:
        addresses, primary = replica_addresses(settings), postgres_of(settings)
        looks = await look_at_replicas(primary, addresses) if addresses and primary is not None else []
    except StartupError:
        return []  # told of the settings, or of the database
    results = []
    for name, behind in looks:
        part = f"replica {name}"
        if isinstance(behind, int):
            results.append(ok(part, f"a standby of this database, {behind / _KILOBYTE:.0f} KB behind."))
        else:
            results.append(warning(part, f"{behind}.", "Queries go to the primary: check READ_URL and its server."))
    return results
