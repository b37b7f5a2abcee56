"""The use cases of links on incidents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from domain.entities.handle import Applied, EntityHandle
from domain.entities.incident import snapshot_of
from domain.entities.kind import Snapshot
from domain.entities.origin import Origin
from domain.errors import DuplicateError, NotFoundError
from domain.ids import new_id
from domain.model.change import Touched
from domain.model.commands import AddIncidentLink, Keep, UpdateIncidentLink, given
from domain.model.incident import Incident, IncidentLink
from domain.model.texts import checked_label, checked_url
from domain.model.viewer import Viewer, Visibility
from domain.persistence.unit_of_work import UnitOfWork
from domain.services.incidents import present
from domain.services.writing import Idempotency, Outcome, Writer, check_version, origin_of, recalled


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """An incident with the link that was written; None for a removed one."""

    incident: Incident
    link: IncidentLink | None


class LinkService:
    """The use cases of links; each call is one transaction."""

    def __init__(self, *, writer: Writer, handle: EntityHandle[Incident]) -> None:
        self._writer = writer
        self._handle = handle

    async def add(
        self, viewer: Viewer, command: AddIncidentLink, *, idempotency_key: str | None = None
    ) -> Outcome[Linked]:
        """Add a link to an incident.

        Raises:
            DuplicateError: the incident has a link with this address already.
            NotFoundError, VersionConflictError, InvalidInputError, ConflictError
        """
        label, url = checked_label(command.label), checked_url(command.url)
        link_id = new_id("lnk")

        async def work(unit: UnitOfWork) -> Linked:
            async def apply(before: Snapshot[Incident] | None) -> Applied[Incident]:
                incident = present(before, command.incident_id, field="incidentId")
                check_version(incident, command.expected_version)
                link = IncidentLink(
                    id=link_id,
                    incident_id=incident.id,
                    label=label,
                    url=url,
                    visibility=command.visibility,
                    created_at=unit.moment(),
                )
                if not await unit.links.insert(link):
                    raise _duplicate()
                return _touched(incident, link, after=link.visibility)

            made = await self._handle.mutate(unit, command.incident_id, apply, origin=origin_of(viewer, "incidentId"))
            written = await unit.links.get_many([link_id])
            return Linked(incident=made.after.entity, link=written.get(link_id))

        once = Idempotency(
            mutation="addIncidentLink",
            key=idempotency_key,
            command=command,
            to_answer=lambda linked: {"incident": command.incident_id, "link": linked.link and linked.link.id},
            from_answer=_recalled,
        )
        return await self._writer.run_once(viewer, work, once)

    async def add_new_in(
        self, unit: UnitOfWork, incident_id: str, commands: Sequence[AddIncidentLink], *, origin: Origin
    ) -> None:
        """Add links to an incident within a unit of work, as one change; addresses that it has already are left alone.

        Raises:
            NotFoundError, InvalidInputError
        """
        links = [
            IncidentLink(
                id=new_id("lnk"),
                incident_id=incident_id,
                label=checked_label(command.label),
                url=checked_url(command.url),
                visibility=command.visibility,
                created_at=unit.moment(),
            )
            for command in commands
        ]

        async def apply(before: Snapshot[Incident] | None) -> Applied[Incident]:
            incident = present(before, incident_id, field="incidentId")
            parts = [
                Touched(part="links", id=link.id, after=link.visibility)
                for link in links
                if await unit.links.insert(link)
            ]
            return Applied(after=snapshot_of(incident), touched=tuple(parts))

        await self._handle.mutate(unit, incident_id, apply, origin=origin)

    async def update(self, viewer: Viewer, command: UpdateIncidentLink) -> Outcome[Linked]:
        """Change a link.

        Raises:
            DuplicateError: another link of the incident has the address.
            NotFoundError: the incident or the link is unknown, or the link belongs to another incident.
            VersionConflictError, InvalidInputError
        """

        async def work(unit: UnitOfWork) -> Linked:
            written: list[IncidentLink] = []

            async def apply(before: Snapshot[Incident] | None) -> Applied[Incident]:
                incident = present(before, command.incident_id, field="incidentId")
                link = await _link(unit, incident, command.id)
                check_version(incident, command.expected_version)
                changed = _changed(link, command)
                written.append(changed)
                if changed == link:
                    return Applied(after=snapshot_of(incident))
                rival = await unit.links.by_url(incident.id, changed.url)
                if rival is not None and rival.id != link.id:
                    raise _duplicate()
                await unit.links.save(changed)
                return _touched(incident, link, before=link.visibility, after=changed.visibility)

            made = await self._handle.mutate(unit, command.incident_id, apply, origin=origin_of(viewer, "incidentId"))
            return Linked(incident=made.after.entity, link=written[0])

        return await self._writer.run(work)

    async def remove(
        self, viewer: Viewer, *, link_id: str, incident_id: str, expected_version: int | None = None
    ) -> Outcome[Linked]:
        """Remove a link from an incident.

        Raises:
            NotFoundError: the incident or the link is unknown, or the link belongs to another incident.
            VersionConflictError
        """

        async def work(unit: UnitOfWork) -> Linked:
            async def apply(before: Snapshot[Incident] | None) -> Applied[Incident]:
                incident = present(before, incident_id, field="incidentId")
                link = await _link(unit, incident, link_id)
                check_version(incident, expected_version)
                await unit.links.delete(link.id)
                return _touched(incident, link, before=link.visibility)

            made = await self._handle.mutate(unit, incident_id, apply, origin=origin_of(viewer, "incidentId"))
            return Linked(incident=made.after.entity, link=None)

        return await self._writer.run(work)


def _changed(link: IncidentLink, command: UpdateIncidentLink) -> IncidentLink:
    return replace(
        link,
        url=link.url if isinstance(command.url, Keep) else checked_url(command.url),
        label=link.label if isinstance(command.label, Keep) else checked_label(command.label),
        visibility=given(command.visibility, link.visibility),
    )


def _touched(
    incident: Incident, link: IncidentLink, *, before: Visibility | None = None, after: Visibility | None = None
) -> Applied[Incident]:
    part = Touched(part="links", id=link.id, before=before, after=after)
    return Applied(after=snapshot_of(incident), touched=(part,))


def _duplicate() -> DuplicateError:
    return DuplicateError("This incident has a link with this URL already.", field=["url"])


async def _link(unit: UnitOfWork, incident: Incident, link_id: str) -> IncidentLink:
    link = (await unit.links.get_many([link_id])).get(link_id)
    # By both ids: a caller who may write on one incident must not reach another's links.
    if link is None or link.incident_id != incident.id:
        raise NotFoundError("Link", link_id)
    return link


async def _recalled(unit: UnitOfWork, answer: Mapping[str, Any]) -> Linked:
    incidents = await unit.incidents.get_many([answer["incident"]])
    links = await unit.links.get_many([answer["link"]])
    return Linked(
        incident=recalled(incidents, answer["incident"], noun="Incident"),
        link=recalled(links, answer["link"], noun="Link"),
    )
