"""The use case of incidents' labels."""

from dataclasses import replace

from domain.entities.handle import Applied, EntityHandle
from domain.entities.incident import snapshot_of
from domain.entities.kind import Snapshot
from domain.entities.origin import Origin
from domain.model.commands import SetIncidentLabels
from domain.model.incident import Incident
from domain.model.labels import relabelled
from domain.model.viewer import Viewer
from domain.persistence.unit_of_work import UnitOfWork
from domain.services.entries import save_incident
from domain.services.incidents import present
from domain.services.writing import Outcome, Writer, check_version, origin_of


class LabelService:
    """The use case of labels; each call is one transaction."""

    def __init__(self, *, writer: Writer, handle: EntityHandle[Incident]) -> None:
        self._writer = writer
        self._handle = handle

    async def set(self, viewer: Viewer, command: SetIncidentLabels) -> Outcome[Incident]:
        """Set and remove labels of an incident; those that are not named stay.

        Raises:
            NotFoundError, VersionConflictError
            NotFoundError: a label to remove is not there.
            InvalidInputError: a label cannot be accepted, or there would be too many.
        """

        async def work(unit: UnitOfWork) -> Incident:
            return await self.set_in(unit, command, origin=origin_of(viewer))

        return await self._writer.run(work)

    async def set_in(self, unit: UnitOfWork, command: SetIncidentLabels, *, origin: Origin) -> Incident:
        """Set labels of an incident within a unit of work."""

        async def apply(before: Snapshot[Incident] | None) -> Applied[Incident]:
            incident = present(before, command.id)
            check_version(incident, command.expected_version)
            after = replace(incident, labels=relabelled(incident.labels, command.labels))
            await save_incident(unit, incident, after)
            return Applied(after=snapshot_of(after))

        return (await self._handle.mutate(unit, command.id, apply, origin=origin)).after.entity
