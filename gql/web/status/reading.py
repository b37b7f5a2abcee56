"""The pages of the status page: what each reads, and the HTML that it makes of that."""

import asyncio
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from domain.bootstrap import Domain
from domain.errors import NotFoundError
from domain.model.public_page import PublicIncident, PublicPage, PublicSystem
from domain.services.public_history import MOST_INCIDENTS, PublicHistory
from domain.services.public_pages import PublicPages
from gql.web.status.bars import bars_of
from gql.web.status.entries import (
    by_day,
    maintenances_of,
    markdown,
    newest_entry,
    past_maintenance,
    past_of,
    summary_of,
    whole_timeline,
)
from gql.web.status.kept import Made
from gql.web.status.rendering import Renderer
from gql.web.status.state import isolated, kind_of, names_of, state_of, state_of_system, worst_first
from gql.web.status.texts import Texts

#: The days of the past on the first page, today included.
PAST_DAYS = 14
#: Systems that need a look come first.
_ORDER = ("unhealthy", "degraded", "maintenance", "healthy")
_MONTH = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")


class Reader:
    """Reads and renders pages, each for the public alone."""

    def __init__(self, domain: Domain, renderer: Renderer) -> None:
        self._domain = domain
        self._renderer = renderer
        self._pages = PublicPages(reads=domain.reads, events=domain.events, maintenance=domain.maintenance.reads)
        self._history = PublicHistory(reads=domain.reads, health=domain.health_history, clock=domain.clock)

    @property
    def site(self) -> str:
        """The name of the site."""
        return self._domain.settings.public_name

    def now(self) -> datetime:
        """Return the present moment."""
        return self._domain.clock.now()

    async def state(self) -> PublicPage:
        """Return all that the public may read now."""
        return await self._pages.everything()

    async def front(self, texts: Texts) -> Made:
        """Return the page of everything."""
        page = await self._pages.everything()
        now = self._domain.clock.now()
        since = _midnight(now) - timedelta(days=PAST_DAYS - 1)
        days = await self._history.days([shown.system.id for shown in page.systems])
        began = await self._history.began_between(since, _midnight(now) + timedelta(days=1))
        first = await self._history.first_beginning()

        def render() -> bytes:
            over = [shown for shown in began if not shown.incident.is_open]
            ended = [shown for shown in page.completed if shown.instance.starts_at >= since]
            past = [*past_of(page, over, texts), *past_maintenance(ended)]
            still_open = [_open(page, shown, texts) for shown in worst_first(page.open)]
            return self._renderer.page(
                "front",
                texts,
                now,
                root="",
                state=state_of(page, texts, now),
                updated_at=page.updated_at if page.systems or page.incidents else None,
                worst=still_open[0] if still_open else None,
                incidents=still_open[1:],
                running=maintenances_of(page, page.active, texts),
                planned=maintenances_of(page, page.upcoming, texts),
                systems=_systems_of(page.systems, days, texts),
                days=by_day(past, since=since, until=now),
                older=since if first is not None and first < since else None,
            )

        return await self._made(page.position, now, render)

    async def incident(self, number: int, texts: Texts) -> Made:
        """Return the page of an incident.

        Raises:
            NotFoundError: there is none with that number.
        """
        position = await self._domain.events.head()
        shown, systems = await self._history.incident(number)
        now = self._domain.clock.now()

        def render() -> bytes:
            incident = shown.incident
            return self._renderer.page(
                "incident",
                texts,
                now,
                root="../",
                incident=incident,
                title=isolated(incident.title),
                summary=summary_of(shown),
                description=markdown(incident.description) if incident.description else None,
                entries=whole_timeline(shown),
                systems=[systems[each] for each in incident.system_ids if each in systems],
            )

        return await self._made(position, now, render)

    async def system(self, key: str, texts: Texts) -> Made:
        """Return the page of a system.

        Raises:
            NotFoundError: there is none with that key.
        """
        page = await self._pages.of_system(key)
        [shown] = page.systems
        now = self._domain.clock.now()
        days = await self._history.days([shown.system.id])

        def render() -> bytes:
            return self._renderer.page(
                "system",
                texts,
                now,
                root="../../",
                system=_systems_of([shown], days, texts)[0],
                state=state_of_system(shown, texts),
                description=markdown(shown.system.description) if shown.system.description else None,
                running=maintenances_of(page, page.active, texts),
                planned=maintenances_of(page, page.upcoming, texts),
                past_items=past_of(None, page.incidents, texts),
            )

        return await self._made(page.position, now, render)

    async def month(self, name: str, texts: Texts) -> Made:
        """Return the page of the incidents that began in a month, named such as `2026-11`.

        Raises:
            NotFoundError: it lies before the first incident, or is to come.
        """
        position = await self._domain.events.head()
        now = self._domain.clock.now()
        first = await self._history.first_beginning()
        start = _month(name)
        if start is None or start > now or first is None or start < _first_of_month(first):
            raise NotFoundError("Month", name)
        end = _first_of_month(start + timedelta(days=31))
        began = await self._history.began_between(start, end)
        systems = await self._domain.reads.systems(sorted({each for one in began for each in one.incident.system_ids}))

        def render() -> bytes:
            page = PublicPage(position=position, systems=(), incidents=began, named=systems)
            past = past_of(page, began, texts)
            return self._renderer.page(
                "history",
                texts,
                now,
                root="../../",
                month=start,
                days=[each for each in by_day(past, since=start, until=end - timedelta(days=1)) if each.items],
                is_cut=len(began) >= MOST_INCIDENTS,
                most=MOST_INCIDENTS,
                before=_first_of_month(start - timedelta(days=1)) if start > _first_of_month(first) else None,
                after=end if end <= now else None,
            )

        return await self._made(position, now, render)

    @staticmethod
    async def _made(position: int, now: datetime, render: Any) -> Made:
        # Hundreds of systems take longer than other requests shall wait.
        return Made(position=position, at=now, content=await asyncio.to_thread(render))


def _open(page: PublicPage, shown: PublicIncident, texts: Texts) -> dict[str, Any]:
    return {
        "incident": shown.incident,
        "title": isolated(shown.incident.title),
        "entry": newest_entry(shown),
        "number": len(shown.updates),
        "systems": names_of(page, shown, texts),
    }


def _systems_of(systems: Sequence[PublicSystem], days: Any, texts: Texts) -> list[dict[str, Any]]:
    return [
        {
            "key": shown.system.key,
            "name": isolated(shown.system.name),
            "kind": kind_of(shown),
            "bars": bars_of(shown.system.name, days.get(shown.system.id, ()), texts),
        }
        for shown in sorted(systems, key=lambda each: _ORDER.index(kind_of(each)))
    ]


def _midnight(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _first_of_month(moment: datetime) -> datetime:
    return _midnight(moment).replace(day=1)


def _month(name: str) -> datetime | None:
    found = _MONTH.fullmatch(name)
    return datetime(int(found[1]), int(found[2]), 1, tzinfo=UTC) if found and int(found[1]) else None
