"""Queries about secrets."""

import strawberry

from gql.compiled.declarations import all_by_id
from gql.context import Info
from gql.pagination import After, Before, Connection, First, Last, PageArguments, connection_by_id
from gql.permissions import SEE_SECRETS
from gql.types.secret import Secret

_SECRETS = "secrets"


@strawberry.type
class SecretQueries:
    @strawberry.field(
        permission_classes=SEE_SECRETS,
        description="The names of all secrets, newest first; for admins.",
        metadata=all_by_id(_SECRETS, descending=True),
    )
    async def secrets(
        self,
        info: Info,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
    ) -> Connection[Secret] | None:
        reads, cursors = info.context.domain.reads, info.context.domain.reads.cursors
        arguments = PageArguments(first=first, after=after, last=last, before=before)
        return await connection_by_id(
            arguments, cursors, _SECRETS, reads.secret_page, to_node=Secret.of, count=reads.secret_count
        )
