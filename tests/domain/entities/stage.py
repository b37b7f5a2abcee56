"""An incident with every write that clients have for it, for the decision table."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from domain.bootstrap import Domain
from domain.entities.handle import Applied
from domain.entities.incident import snapshot_of
from domain.entities.kind import Snapshot
from domain.model.commands import (
    AddIncidentLink,
    AddIncidentUpdate,
    AssignIncident,
    CreateIncident,
    EditIncidentUpdate,
    UpdateIncident,
    UpdateIncidentLink,
)
from domain.model.incident import Incident, IncidentUpdate, Severity, Status
from domain.model.paging import PageRequest
from domain.model.viewer import Audience
from domain.persistence.unit_of_work import UnitOfWork
from tests.factories import ADMIN, make_token
from tests.inside import inside


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A major incident under investigation, on two systems of its own."""

    domain: Domain
    incident: Incident
    systems: tuple[str, str]

    async def update(self, **fields: Any) -> None:
        """Change fields of the incident."""
        await self.domain.incidents.update(ADMIN, UpdateIncident(id=self.incident.id, **fields))

    async def write(self, status: Status | None = None, **options: Any) -> None:
        """Add a timeline entry."""
        command = AddIncidentUpdate(incident_id=self.incident.id, message="A note", status_change=status)
        dated = replace(command, created_at=options.pop("created_at", None))
        await self.domain.timeline.add(ADMIN, dated, **options)

    async def open_long_ago(self, *statuses: Status) -> None:
        """Let the incident begin two hours before it was opened, and then take these statuses."""
        await self.update(occurred_at=self.incident.occurred_at - timedelta(hours=2))
        for status in statuses:
            await self.write(status)

    async def entries(self) -> list[IncidentUpdate]:
        """Return the timeline, newest first."""
        pages = await self.domain.reads.update_pages([self.incident.id], PageRequest(size=100), Audience.MANAGER)
        return list(pages[self.incident.id].items)

    async def edit(self, **fields: Any) -> None:
        """Edit the newest entry."""
        newest = (await self.entries())[0]
        await self.domain.timeline.edit(ADMIN, EditIncidentUpdate(id=newest.id, incident_id=self.incident.id, **fields))

    async def erase(self) -> None:
        """Delete the newest entry."""
        newest = (await self.entries())[0]
        await self.domain.timeline.delete(ADMIN, update_id=newest.id, incident_id=self.incident.id)

    async def resolve(self, message: str | None = None, **details: Any) -> None:
        """Resolve the incident."""
        await self.domain.incidents.resolve(ADMIN, self.incident.id, message=message, **details)

    async def acknowledge(self) -> None:
        """Acknowledge the incident."""
        await self.domain.responders.acknowledge(ADMIN, self.incident.id)

    async def assign(self, **people: Any) -> None:
        """Name the people on the incident."""
        await self.domain.responders.assign(ADMIN, AssignIncident(id=self.incident.id, **people))

    async def lead(self) -> None:
        """Let the first person there is lead the incident."""
        if not (await self.domain.reads.people("", PageRequest(size=1))).items:
            await make_token(self.domain)
        [person] = (await self.domain.reads.people("", PageRequest(size=1))).items
        await self.assign(lead=person.actor.id)

    async def snooze(self) -> None:
        """Silence the incident's reminders for an hour."""
        until = self.incident.created_at + timedelta(hours=1)
        await self.domain.responders.snooze(ADMIN, self.incident.id, until)

    async def open_another(self, **options: Any) -> None:
        """Open an incident on the first system, or reuse this one."""
        command = CreateIncident(title="Again", severity=Severity.MINOR, systems=[self.systems[0]])
        dedupe = replace(command, dedupe_open_for_system=options.pop("dedupe", False))
        await self.domain.incidents.create(ADMIN, dedupe, **options)

    async def link(self, url: str = "https://example.org/runbook", **options: Any) -> str:
        """Add a link to the incident and return its id."""
        command = AddIncidentLink(incident_id=self.incident.id, url=url)
        link = (await self.domain.links.add(ADMIN, command, **options)).value.link
        assert link is not None
        return link.id

    async def relink(self, **fields: Any) -> None:
        """Change the incident's one link."""
        pages = await self.domain.reads.link_pages([self.incident.id], PageRequest(), Audience.MANAGER)
        [link] = pages[self.incident.id].items
        command = UpdateIncidentLink(id=link.id, incident_id=self.incident.id, **fields)
        await self.domain.links.update(ADMIN, command)

    async def unlink(self) -> None:
        """Remove the incident's one link."""
        pages = await self.domain.reads.link_pages([self.incident.id], PageRequest(), Audience.MANAGER)
        [link] = pages[self.incident.id].items
        await self.domain.links.remove(ADMIN, link_id=link.id, incident_id=self.incident.id)

    async def mutate(self, after: Incident, *, error: Exception | None = None) -> None:
        """Write the incident straight through its handle."""

        async def work(unit: UnitOfWork) -> None:
            async def apply(_: Snapshot[Incident] | None) -> Applied[Incident]:
                await unit.incidents.save(self.incident, after, now=unit.moment())
                if error is not None:
                    raise error
                return Applied(after=snapshot_of(after))

            await inside(self.domain).handle.mutate(unit, self.incident.id, apply)

        await inside(self.domain).database.write(work)
