"""Queries about API tokens."""

import strawberry

from gql.compiled.declarations import all_by_id
from gql.context import Info
from gql.pagination import After, Before, Connection, First, Last, PageArguments, connection_by_id
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
        return await connection_by_id(
            arguments, cursors, _TOKENS, reads.token_page, to_node=ApiToken.of, count=reads.token_count
        )
