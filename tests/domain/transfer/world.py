"""A database with something of everything that a history has, and imports and exports of it."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from domain.bootstrap import Domain
from domain.model.actor import Actor, ActorType
from domain.model.commands import (
    AddIncidentLink,
    AddIncidentUpdate,
    AssignIncident,
    EditIncidentUpdate,
    RelateIncidents,
    ReportSystemHealth,
    SetIncidentLabels,
    UpdateIncident,
)
from domain.model.histories import Note, Refusal
from domain.model.incident import Health, HealthOverride, Incident, Severity, Status
from domain.model.relation import RelationType
from domain.model.viewer import Role, Viewer, Visibility
from domain.transfer.importing import Tally
from domain.transfer.reading import read_lines
from tests.conftest import SteppingClock
from tests.factories import ADMIN, make_incident, make_system

AMINA = Viewer(actor=Actor(type=ActorType.USER, id="usr_amina", name="Amina Ö."), role=Role.RESPONDER)


@dataclass(kw_only=True)
class Heard:
    """The report of an import."""

    refusals: list[Refusal] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    read: list[int] = field(default_factory=list)

    def refused(self, refusal: Refusal) -> None:
        self.refusals.append(refusal)

    def noted(self, note: Note) -> None:
        self.notes.append(note)

    def advanced(self, size_bytes: int) -> None:
        self.read.append(size_bytes)


async def exported(domain: Domain) -> bytes:
    """Return the export of a database."""
    lines: list[bytes] = []
    await domain.transfer.exports.lines(lines.append)
    return b"".join(lines)


async def imported(
    domain: Domain, file: Path, data: bytes, *, is_dry: bool = False, is_strict: bool = False
) -> tuple[Tally, Heard]:
    """Import the data, and return the counts and what else was said."""
    heard = Heard()
    await asyncio.to_thread(file.write_bytes, data)
    items = read_lines(file, now=domain.transfer.imports.now())
    return await domain.transfer.imports.run(items, heard, is_dry=is_dry, is_strict=is_strict), heard


async def lively(domain: Domain, clock: SteppingClock) -> list[Incident]:
    """Write something of everything."""
    for key in ("payments", "checkout", "gone"):
        await make_system(domain, key, description="What is bought" if key == "checkout" else None)
    begun = clock.now() - timedelta(hours=5)
    first = await make_incident(
        domain,
        "payments",
        "checkout",
        title="Zahlungen: 50 % schlagen fehl",
        description="Seit dem Morgen",
        severity=Severity.CRITICAL,
        initial_message="We look into it",
        occurred_at=begun,
        health_override=HealthOverride.UNHEALTHY,
    )
    second = await make_incident(domain, "checkout", "gone", dedupe_key="slow")
    third = await make_incident(domain, "payments", suppress_notifications=True)
    await _worked_on(domain, first, begun + timedelta(minutes=10))
    await domain.timeline.add(
        AMINA, AddIncidentUpdate(incident_id=second.id, message="Ours", status_change=Status.FIXING)
    )
    await domain.incidents.resolve(AMINA, third.id)
    await domain.timeline.add(
        ADMIN, AddIncidentUpdate(incident_id=third.id, message="Again", status_change=Status.MONITORING)
    )
    await domain.incidents.resolve(AMINA, third.id, message="Over")
    for kind, one, other in (
        (RelationType.CAUSED_BY, third, first),
        (RelationType.RELATED_TO, first, second),
        (RelationType.DUPLICATE_OF, second, third),
    ):
        await domain.relations.relate(ADMIN, RelateIncidents(id=one.id, type=kind, to=other.id))
    for status in (Health.DEGRADED, Health.UNHEALTHY, Health.HEALTHY, Health.DEGRADED):
        await domain.health.report(ADMIN, ReportSystemHealth(system="checkout", status=status, message="a check"))
    await domain.systems.delete(ADMIN, "gone")
    return [first, second, third]


async def _worked_on(domain: Domain, incident: Incident, at: datetime) -> None:
    note = AddIncidentUpdate(incident_id=incident.id, message="For us", visibility=Visibility.INTERNAL)
    entry = (await domain.timeline.add(AMINA, note)).value.update
    assert entry is not None
    for message in ("For us only", "For us\nalone"):
        await domain.timeline.edit(ADMIN, EditIncidentUpdate(id=entry.id, incident_id=incident.id, message=message))
    earlier = AddIncidentUpdate(
        incident_id=incident.id, message="A release", status_change=Status.IDENTIFIED, created_at=at
    )
    await domain.timeline.add(AMINA, earlier)
    await domain.links.add(
        ADMIN, AddIncidentLink(incident_id=incident.id, url="https://example.com/d/1", label="Dashboard")
    )
    await domain.labels.set(ADMIN, SetIncidentLabels(id=incident.id, labels=[("team", "money"), ("region", "eu")]))
    await domain.responders.acknowledge(AMINA, incident.id)
    await domain.responders.assign(
        AMINA, AssignIncident(id=incident.id, lead=AMINA.actor.id, assignees=[AMINA.actor.id])
    )
    await domain.incidents.update(
        ADMIN, UpdateIncident(id=incident.id, severity=Severity.MAJOR, health_override=HealthOverride.DEGRADED)
    )
