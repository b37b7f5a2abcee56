"""The query about whoever asks."""

import strawberry

from gql.compiled.declarations import CALLER
from gql.context import Info
from gql.types.viewer import Viewer


@strawberry.type
class ViewerQueries:
    @strawberry.field(description="The caller.", metadata=CALLER)
    async def viewer(self, info: Info) -> Viewer:
        return Viewer.of(info.context.viewer)
