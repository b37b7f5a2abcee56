"""Counts of incidents by group, each in one statement."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.model.counts import MOST_ROWS, GroupBy, IncidentCount
from domain.model.filters import Filter
from domain.model.viewer import Audience
from domain.persistence.conditions import incident_condition
from domain.persistence.grouping import group_keys, group_names, group_of, grouped_source


class CountRepository:
    """Numbers of incidents."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def by_group(self, tree: Filter, audience: Audience, by: GroupBy) -> list[IncidentCount]:
        """Return the numbers of incidents that match, in no order; one row more than there may be where there are."""
        statement = counting(self._connection.dialect, tree, audience, by)
        rows = (await self._connection.execute(statement)).mappings()
        return [IncidentCount(group=group_of(row, by), count=row["counted"]) for row in rows]


def counting(dialect: sa.Dialect, tree: Filter, audience: Audience, by: GroupBy) -> sa.Select[Any]:
    """Return the statement that counts incidents by group."""
    keys = group_keys(by)
    names = [sa.func.max(column).label(column.name) for column in group_names(by)]
    statement = (
        sa.select(*keys, *names, sa.func.count().label("counted"))
        .select_from(grouped_source(by))
        .where(incident_condition(dialect, tree, audience))
    )
    return statement.group_by(*keys).limit(MOST_ROWS + 1) if keys else statement
