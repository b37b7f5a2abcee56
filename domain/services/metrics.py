"""Figures about incidents, each read in one statement."""

from datetime import datetime

from domain.model.counts import MOST_ROWS, GroupBy, IncidentCount, check_rows, checked_groupings
from domain.model.filters import Filter
from domain.model.metrics import IncidentMetrics, metrics_of
from domain.model.series import TimeBucket, spans_between
from domain.model.viewer import Audience
from domain.persistence.database import Database


class MetricsService:
    """Counts and metrics of incidents, limited to what the audience may see."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def counts(self, tree: Filter, audience: Audience, by: GroupBy) -> list[IncidentCount]:
        """Return the number of incidents that match, or one for each group of them.

        Raises:
            ForbiddenError: a grouping shows what the audience may not see.
            InvalidInputError: there are more than 1,000 groups.
        """
        groupings = checked_groupings(by, audience)
        found = await self._database.read(lambda session: session.counts.by_group(tree, audience, groupings))
        check_rows(len(found))
        return sorted(found, key=lambda counted: counted.group.place(groupings.each))

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
