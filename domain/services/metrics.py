"""Figures about incidents, each read in one statement."""

from collections.abc import Sequence

from domain.model.counts import Grouping, IncidentCount, check_rows, checked_groupings
from domain.model.filters import Filter
from domain.model.viewer import Audience
from domain.persistence.database import Database


class MetricsService:
    """Counts of incidents, limited to what the audience may see."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def counts(self, tree: Filter, audience: Audience, by: Sequence[Grouping]) -> list[IncidentCount]:
        """Return the number of incidents that match, or one for each group of them.

        Raises:
            ForbiddenError: a grouping shows what the audience may not see.
            InvalidInputError: there are more than 1,000 groups.
        """
        groupings = checked_groupings(by, audience)
        found = await self._database.read(lambda session: session.counts.by_group(tree, audience, groupings))
        check_rows(len(found))
        return sorted(found, key=lambda counted: counted.group.place(groupings))
