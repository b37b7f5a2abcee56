"""Queries about API tokens."""

import strawberry

from gql.compiled.declarations import all_by_id
from gql.context import Info
from gql.pagination import After, Before, Connection, First, Last, PageArguments, connection, cursor_maker
from gql.permissions import SEE_TOKENS
from gql.types.token import ApiToken

_TOKENS = "tokens"


@strawberry.type
class TokenQueries:
    @strawberry.field(
        permission_classes=SEE_TOKENS,
        description="All API tokens, newest first, revoked and expired ones included; for admins.",
        metadata=all_by_id(_TOKENS, descending=True),
    )
    async def tokens(
        self,
        info: Info,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
    ) -> Connection[ApiToken] | None:
        reads, cursors = info.context.domain.reads, info.context.domain.reads.cursors
        arguments = PageArguments(first=first, after=after, last=last, before=before)
        return connection(
            await reads.token_page(arguments.request(cursors, _TOKENS)),
            to_node=ApiToken.of,
            cursor=cursor_maker(cursors, _TOKENS, lambda token: (token.id,)),
            count=reads.token_count,
        )
