"""Queries about channels."""

from typing import Annotated

import strawberry

from domain.model.selection import OneOf
from gql.compiled.declarations import all_by_id, one
from gql.context import Info
from gql.pagination import After, Before, Connection, First, Last, PageArguments, connection_by_id
from gql.permissions import SEE_CHANNELS
from gql.types.channel import Channel

_CHANNELS = "channels"


@strawberry.type
class ChannelQueries:
    @strawberry.field(
        permission_classes=SEE_CHANNELS,
        description="The channel with that id; null where there is none. For admins.",
        metadata=one(lambda arguments, *_: OneOf(by="id", value=arguments["id"])),
    )
    async def channel(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="Its id.")]
    ) -> Channel | None:
        found = (await info.context.domain.channels.get_many([id])).get(id)
        return Channel.of(found) if found else None

    @strawberry.field(
        permission_classes=SEE_CHANNELS,
        description="All channels, newest first; for admins.",
        metadata=all_by_id(_CHANNELS, descending=True),
    )
    async def channels(
        self,
        info: Info,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
    ) -> Connection[Channel] | None:
        service, cursors = info.context.domain.channels, info.context.domain.reads.cursors
        arguments = PageArguments(first=first, after=after, last=last, before=before)
        return await connection_by_id(
            arguments, cursors, _CHANNELS, service.page, to_node=Channel.of, count=service.count
        )
