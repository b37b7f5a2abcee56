"""The query for the place in the log that an answer is of."""

import strawberry

from domain.model.selection import LOG
from gql.compiled.declarations import place
from gql.context import Info


@strawberry.type
class LogQueries:
    @strawberry.field(
        metadata=place(lambda _arguments, _audience, _view: LOG),
        description=(
            "The cursor of the last change in the log, as of the moment that all of this answer is of. A subscription "
            "that is started `after` it continues from this answer without a gap. All cursors of the log compare as "
            "texts: the greater one is the later place."
        ),
    )
    async def cursor(self, info: Info) -> str:
        events = info.context.domain.events
        return events.cursor_of(await events.head())
