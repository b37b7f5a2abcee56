"""The parts of history in and out, put together."""

from dataclasses import dataclass

from domain.clock import Clock
from domain.entities.health import HEALTH
from domain.entities.incident import INCIDENT
from domain.entities.maintenance import MAINTENANCE
from domain.entities.registry import EntityRegistry
from domain.entities.system import SYSTEM
from domain.persistence.database import Database
from domain.persistence.erasures import PersonDigest
from domain.transfer.exporting import ExportService
from domain.transfer.importing import ImportService
from domain.transfer.writing import HistoryWriter


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferSystem:
    """History in and out."""

    exports: ExportService
    imports: ImportService


def transfer_system(*, database: Database, clock: Clock, registry: EntityRegistry, key: bytes) -> TransferSystem:
    """Return the services; the key is that of the digests of people."""
    writer = HistoryWriter(
        incidents=registry.handle(INCIDENT),
        systems=registry.handle(SYSTEM),
        health=registry.handle(HEALTH),
        maintenance=registry.handle(MAINTENANCE),
        is_sqlite=database.is_sqlite,
    )
    imports = ImportService(database=database, clock=clock, writer=writer, digests=PersonDigest(key))
    return TransferSystem(exports=ExportService(database=database), imports=imports)
