"""The use cases of responders: who has seen an incident."""

from dataclasses import replace

from domain.entities.handle import Applied, EntityHandle
from domain.entities.incident import snapshot_of
from domain.entities.kind import Snapshot
from domain.entities.origin import Origin
from domain.model.incident import Incident
from domain.model.viewer import Viewer
from domain.persistence.unit_of_work import UnitOfWork
from domain.services.entries import save_incident
from domain.services.incidents import present
from domain.services.writing import Outcome, Writer, check_version, origin_of


class ResponderService:
    """The use cases of responders; each call is one transaction."""

    def __init__(self, *, writer: Writer, handle: EntityHandle[Incident]) -> None:
        self._writer = writer
        self._handle = handle

    async def acknowledge(
        self, viewer: Viewer, incident_id: str, *, expected_version: int | None = None
    ) -> Outcome[Incident]:
        """Acknowledge an open incident; one that is acknowledged or resolved stays as it is.

        Raises:
            NotFoundError, VersionConflictError
        """

        async def work(unit: UnitOfWork) -> Incident:
            origin = origin_of(viewer)
            return await self.acknowledge_in(unit, incident_id, expected_version=expected_version, origin=origin)

        return await self._writer.run(work)

    async def acknowledge_in(
        self, unit: UnitOfWork, incident_id: str, *, origin: Origin, expected_version: int | None = None
    ) -> Incident:
        """Acknowledge an open incident within a unit of work."""

        async def apply(before: Snapshot[Incident] | None) -> Applied[Incident]:
            incident = present(before, incident_id)
            check_version(incident, expected_version)
            if incident.acknowledged_at is not None or not incident.is_open:
                return Applied(after=snapshot_of(incident))
            # Not before its beginning: the clock of the process that opened it may be ahead.
            at = max(unit.moment(), incident.occurred_at)
            after = replace(incident, acknowledged_at=at, acknowledged_by=origin.actor)
            await save_incident(unit, incident, after)
            return Applied(after=snapshot_of(after))

        return (await self._handle.mutate(unit, incident_id, apply, origin=origin)).after.entity
