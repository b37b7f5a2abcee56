"""A writer of random changes that live lists show."""

import random
from itertools import count

from tests.e2e.api import Api

_SYSTEMS = ("payments", "search", "mail")
_WORDS = ("alpha", "beta", "gamma")
_SEVERITIES = ("MINOR", "MAJOR", "CRITICAL")
_STATUSES = ("INVESTIGATING", "IDENTIFIED", "FIXING", "MONITORING", "RESOLVED")
_VISIBILITIES = ("PUBLIC", "LOGGED_IN", "INTERNAL")
_HEALTH = ("HEALTHY", "DEGRADED", "UNHEALTHY")
_OVERRIDES = (None, None, "DEGRADED", "UNHEALTHY")


class ListWriter:
    """A writer of one random change after the other."""

    def __init__(self, api: Api, dice: random.Random) -> None:
        self._api = api
        self._dice = dice
        self._incidents: list[str] = []
        #: The systems that come and go; incidents are on the others as well.
        self._extra: list[str] = []
        self._numbers = count(1)

    async def begin(self) -> None:
        """Write what everything else is about."""
        for key in _SYSTEMS:
            await self._api.create_system(key)

    async def write(self) -> None:
        """Write something."""
        if self._dice.random() < 0.3:
            await self._write_system()
        else:
            await self._write_incident()

    async def _write_incident(self) -> None:
        step = self._dice.random()
        if step < 0.25 or not self._incidents:
            await self._create()
            return
        incident = self._dice.choice(self._incidents[-40:])
        if step < 0.45:
            await self._update(incident)
        elif step < 0.75:
            await self._note(incident)
        elif step < 0.85:
            await self._api.attempt("resolveIncident", id=incident)
        elif step < 0.92:
            url = f"https://example.com/{self._dice.randrange(5)}"
            await self._api.attempt("addIncidentLink", incidentId=incident, url=url, visibility=self._visibility())
        else:
            await self._api.attempt("deleteIncident", id=incident)
            self._incidents.remove(incident)

    async def _write_system(self) -> None:
        step = self._dice.random()
        if step < 0.15:
            key = f"extra-{next(self._numbers)}"
            await self._api.write("createSystem", key=key, name=self._dice.choice(_WORDS))
            self._extra.append(key)
        elif step < 0.25 and self._extra:
            key = self._extra.pop(self._dice.randrange(len(self._extra)))
            await self._api.write("deleteSystem", id=key)
        elif step < 0.45:
            fields = self._dice.choice(({"name": self._dice.choice(_WORDS)}, {"description": self._text()}))
            await self._api.write("updateSystem", id=self._system(), **fields)
        else:
            message = self._dice.choice((None, self._text()))
            status = self._dice.choice(_HEALTH)
            await self._api.write("reportSystemHealth", system=self._system(), status=status, message=message)

    async def _create(self) -> None:
        override = self._dice.choice(_OVERRIDES)
        fields = {"severity": self._dice.choice(_SEVERITIES), "systemIds": self._systems(), "healthOverride": override}
        self._incidents.append(await self._api.create_incident(self._text(), **fields))

    async def _update(self, incident: str) -> None:
        fields = {
            "title": self._text(),
            "severity": self._dice.choice(_SEVERITIES),
            "systemIds": self._systems(),
            "healthOverride": self._dice.choice(_OVERRIDES),
        }
        chosen = self._dice.sample(sorted(fields), self._dice.randint(1, 3))
        await self._api.attempt("updateIncident", id=incident, **{name: fields[name] for name in chosen})

    async def _note(self, incident: str) -> None:
        change = {"statusChange": self._dice.choice(_STATUSES)} if self._dice.random() < 0.5 else {}
        await self._api.attempt(
            "addIncidentUpdate", incidentId=incident, message=self._text(), visibility=self._visibility(), **change
        )

    def _system(self) -> str:
        return self._dice.choice((*_SYSTEMS, *self._extra))

    def _systems(self) -> list[str]:
        known = (*_SYSTEMS, *self._extra)
        return self._dice.sample(known, self._dice.randint(1, 2))

    def _text(self) -> str:
        return f"{self._dice.choice(_WORDS)} {self._dice.randrange(1000)}"

    def _visibility(self) -> str:
        return self._dice.choice(_VISIBILITIES)
