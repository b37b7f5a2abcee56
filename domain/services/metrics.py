"""Figures about incidents, each read in one statement."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime

from domain.messaging.tail import LogTail
from domain.model.counts import MOST_ROWS, Counting, GroupBy, IncidentCount, check_rows, checked_groupings, in_order
from domain.model.filters import Filter
from domain.model.metrics import IncidentMetrics, metrics_of
from domain.model.series import TimeBucket, spans_between
from domain.model.viewer import Audience
from domain.persistence.database import Database
from domain.persistence.unit_of_work import ReadSession
from domain.services.events import check_names, start_of
from domain.services.live_counts import CountsStep, LiveCounts, watch_of


class MetricsService:
    """Counts and metrics of incidents, limited to what the audience may see."""

    def __init__(self, *, database: Database, tail: LogTail) -> None:
        self._database = database
        self._tail = tail

    async def counts(self, tree: Filter, audience: Audience, by: GroupBy) -> list[IncidentCount]:
        """Return the number of incidents that match, or one for each group of them.

        Raises:
            ForbiddenError: a grouping shows what the audience may not see.
            InvalidInputError: there are more than 1,000 groups.
        """
        groupings = checked_groupings(by, audience)
        found = await self._database.read(lambda session: session.counts.by_group(tree, audience, groupings))
        return in_order(found, groupings)

    def live(self, counting: Counting, audience: Audience) -> LiveCounts:
        """Return counts that changes of incidents keep current; not read yet."""

        async def read(session: ReadSession) -> tuple[int, list[IncidentCount]]:
            position = await session.changes.head()
            return position, await session.counts.by_group(counting.tree, audience, counting.by)

        async def step() -> CountsStep:
            position, found = await self._database.read(read)
            return CountsStep(position=position, counts=in_order(found, counting.by))

        return LiveCounts(counting, step)

    async def follow(self, counting: Counting, audience: Audience) -> AsyncGenerator[CountsStep, None]:
        """Yield the counts, and then again whenever a change makes them others.

        Raises:
            InvalidInputError: there are more than 1,000 groups.
            CursorExpiredError: the reader fell so far behind that changes are no longer kept.
            UnavailableError: a key in the filter was given to a new system.
        """
        live, watch = self.live(counting, audience), watch_of(counting, audience)
        await live.reread()
        yield live.beginning()
        async with aclosing(self._tail.follow(start_of(watch.named, live.position))) as batches:
            async for batch in batches:
                check_names(watch.named, batch)
                step = await live.advance([change for change in batch if watch.wants(change)])
                if step is not None:
                    yield step

    async def metrics(
        self,
        tree: Filter,
        audience: Audience,
        *,
        start: datetime,
        end: datetime,
        bucket: TimeBucket | None,
        by: GroupBy,
    ) -> list[IncidentMetrics]:
        """Return the metrics of incidents that match in that time, a series of points for each group of them.

        Raises:
            ForbiddenError: a grouping shows what the audience may not see.
            InvalidInputError: the time ends before it begins, or there are more than 1,000 points.
        """
        groupings = checked_groupings(by, audience)
        spans = spans_between(start, end, bucket)
        found = await self._database.read(
            lambda session: session.metrics.by_group(tree, audience, spans, bucket=bucket, by=groupings)
        )
        check_rows(MOST_ROWS + 1 if found is None else len(found) * len(spans))
        return sorted(metrics_of(found or {}, spans), key=lambda metrics: metrics.group.place(groupings.each))
