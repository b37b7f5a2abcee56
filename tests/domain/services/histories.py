"""Random histories of incidents, with entries that are dated earlier, edited and deleted, and with reopenings."""

import random
from dataclasses import replace
from datetime import timedelta

from domain.bootstrap import Domain
from domain.errors import DomainError
from domain.model.commands import (
    AddIncidentUpdate,
    CreateIncident,
    EditIncidentUpdate,
    SetIncidentLabels,
    UpdateIncident,
)
from domain.model.incident import HealthOverride, Incident, IncidentUpdate, Severity, Status
from domain.model.viewer import SYSTEM_VIEWER, Visibility
from tests.conftest import SteppingClock
from tests.factories import ADMIN, make_system

WORDS = ("disk", "network", "login")


class Histories:
    """A writer of random histories."""

    def __init__(
        self, domain: Domain, clock: SteppingClock, chance: random.Random, *, removes_incidents: bool = False
    ) -> None:
        self._domain = domain
        self._clock = clock
        self._chance = chance
        self._keys = ("api", "web", "db")
        self._removes_incidents = removes_incidents
        self._incidents: list[Incident] = []
        self._entries: list[IncidentUpdate] = []

    async def systems(self) -> list[str]:
        """Add the systems and return their ids."""
        return [(await make_system(self._domain, key)).id for key in self._keys]

    async def write(self, steps: int) -> None:
        """Take so many steps, in the course of some weeks; some may be refused."""
        for _ in range(steps):
            self._clock.advance(seconds=self._chance.randrange(1, 60 * 60 * 12))
            kinds = ["open", *["add"] * 4, "edit", "edit", "delete", "begin", "change", "label", "acknowledge"]
            if self._removes_incidents and self._chance.random() < 1 / 3:
                kinds.append("remove")
            step = self._chance.choice(kinds if self._incidents and self._entries else ["open", "add"])
            try:
                await getattr(self, f"_{step}")()
            except DomainError:
                continue

    async def _open(self) -> None:
        command = CreateIncident(
            title=f"A {self._chance.choice(WORDS)} fails",
            severity=self._chance.choice(list(Severity)),
            systems=self._chance.sample(self._keys, self._chance.randrange(1, 3)),
            occurred_at=self._clock.moment - timedelta(seconds=self._chance.randrange(1, 200_000)),
        )
        made = (await self._domain.incidents.create(self._chance.choice([ADMIN, SYSTEM_VIEWER]), command)).value
        assert made.incident is not None
        self._incidents.append(made.incident)

    async def _add(self) -> None:
        if not self._incidents:
            return
        incident = self._chance.choice(self._incidents)
        passed = self._clock.moment - incident.occurred_at
        command = AddIncidentUpdate(
            incident_id=incident.id,
            message=f"Seen on the {self._chance.choice(WORDS)}",
            status_change=self._chance.choice([None, Status.RESOLVED, *Status]),
            visibility=self._chance.choice(list(Visibility)),
            created_at=self._chance.choice([None, incident.occurred_at + passed * self._chance.random()]),
        )
        written = (await self._domain.timeline.add(ADMIN, command)).value
        assert written.update is not None
        self._entries.append(written.update)

    async def _edit(self) -> None:
        entry = self._chance.choice(self._entries)
        command = EditIncidentUpdate(
            id=entry.id,
            incident_id=entry.incident_id,
            message=f"Edited by {self._chance.randrange(1_000)}",
            visibility=self._chance.choice(list(Visibility)),
            created_at=entry.created_at + timedelta(seconds=self._chance.randrange(-90_000, 90_000)),
        )
        await self._domain.timeline.edit(ADMIN, command)

    async def _delete(self) -> None:
        entry = self._chance.choice(self._entries)
        await self._domain.timeline.delete(ADMIN, update_id=entry.id, incident_id=entry.incident_id)
        self._entries.remove(entry)

    async def _begin(self) -> None:
        incident = self._chance.choice(self._incidents)
        moment = incident.occurred_at + timedelta(seconds=self._chance.randrange(-90_000, 20_000))
        await self._domain.incidents.update(ADMIN, UpdateIncident(id=incident.id, occurred_at=moment))

    async def _change(self) -> None:
        incident = self._chance.choice(self._incidents)
        command = UpdateIncident(
            id=incident.id,
            severity=self._chance.choice(list(Severity)),
            title=f"The {self._chance.choice(WORDS)} fails again",
            systems=self._chance.sample(self._keys, self._chance.randrange(1, 4)),
            health_override=self._chance.choice([None, *HealthOverride]),
        )
        await self._domain.incidents.update(ADMIN, command)

    async def _remove(self) -> None:
        incident = self._incidents.pop(self._chance.randrange(len(self._incidents)))
        await self._domain.incidents.delete(ADMIN, incident.id)

    async def _acknowledge(self) -> None:
        await self._domain.responders.acknowledge(ADMIN, self._chance.choice(self._incidents).id)

    async def _label(self) -> None:
        team, region = self._chance.choice([None, "core", "web"]), self._chance.choice([None, "eu", "us"])
        command = SetIncidentLabels(id=self._chance.choice(self._incidents).id, labels=[("team", team)])
        await self._domain.labels.set(ADMIN, command)
        await self._domain.labels.set(ADMIN, replace(command, labels=[("region", region)]))
