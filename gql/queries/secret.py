"""Queries about secrets."""

import strawberry

from gql.compiled.declarations import all_by_id
from gql.context import Info
from gql.pagination import After, Before, Connection, First, Last, PageArguments, connection, cursor_maker
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
        return connection(
            await reads.secret_page(arguments.request(cursors, _SECRETS)),
            to_node=Secret.of,
            cursor=cursor_maker(cursors, _SECRETS, lambda secret: (secret.id,)),
            count=reads.secret_count,
        )
