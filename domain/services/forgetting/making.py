"""The construction of what forgets people."""

from domain.clock import Clock
from domain.entities.erasure import ERASURE
from domain.entities.incident import INCIDENT
from domain.entities.masking import SecretMasker
from domain.entities.registry import EntityRegistry
from domain.messaging.tail import LogTail
from domain.persistence.database import Database
from domain.persistence.erasures import PersonDigest
from domain.services.forgetting.known import KnownForgotten
from domain.services.forgetting.service import ForgettingService
from domain.services.forgetting.work import ErasureWork
from domain.services.sessions import Sessions
from domain.services.writing import Writer


def forgetting_service(  # noqa: PLR0913 - the parts of a process that know people
    *,
    database: Database,
    clock: Clock,
    writer: Writer,
    registry: EntityRegistry,
    tail: LogTail,
    masker: SecretMasker,
    sessions: Sessions,
    key: bytes,
) -> ForgettingService:
    """Return the service with what its process knows and does in the background."""
    known = KnownForgotten(
        database=database,
        tail=tail,
        registry=registry,
        sessions=sessions,
        masker=masker,
        digests=PersonDigest(key),
    )
    handle, incidents = registry.handle(ERASURE), registry.handle(INCIDENT)
    work = ErasureWork(database=database, clock=clock, known=known, incidents=incidents, handle=handle)
    return ForgettingService(database=database, writer=writer, handle=handle, known=known, work=work)
