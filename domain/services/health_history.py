"""The history of systems' health, read for many systems at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.clock import Clock
from domain.errors import InvalidInputError
from domain.model.health_history import HealthPeriod, HealthSpan, periods_of
from domain.model.series import spans_between
from domain.persistence.database import Database
from domain.persistence.unit_of_work import ReadSession

#: The most spans that one read takes.
_MOST_SPANS = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The period that a history is asked for; up to now where it has no end."""

    since: datetime
    until: datetime | None


class HealthHistory:
    """The past health of systems, as far as it is known."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def end_of(self, asked: Asked) -> datetime:
        """Return the end of a period that is asked for."""
        return asked.until or self._clock.now()

    async def of(self, system_ids: Sequence[str], asked: Asked) -> Mapping[str, list[HealthPeriod]]:
        """Return the periods of each of these systems' health, oldest first: up to now, and from when it is known.

        Raises:
            InvalidInputError: the period does not begin before it ends, or too much happened in it.
        """
        spans_between(asked.since, self.end_of(asked), None)

        async def read(session: ReadSession) -> Mapping[str, list[HealthPeriod]]:
            until = min(self.end_of(asked), self._clock.now())
            wanted = {"since": asked.since, "until": until}
            found = await session.health_spans.between(system_ids, **wanted, limit=_MOST_SPANS + 1)
            if len(found) > _MOST_SPANS:
                raise InvalidInputError("Too much happened in this span: ask for a shorter one.", field=["from"])
            timelines = await session.health_spans.timelines(system_ids, **wanted)
            known = await session.health_spans.first(system_ids)
            maintained = await session.maintenance_instances.spans(system_ids, **wanted)
            spans: dict[str, list[HealthSpan]] = {identifier: [] for identifier in system_ids}
            for span in found:
                spans[span.system_id].append(span)
            return {
                identifier: periods_of(
                    spans[identifier],
                    timelines,
                    since=max(asked.since, known.get(identifier, until)),
                    until=until,
                    maintenance=maintained[identifier],
                )
                for identifier in system_ids
            }

        return await self._database.read(read)
