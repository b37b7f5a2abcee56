"""Queries about people."""

from typing import Annotated

import strawberry

from gql.context import Info
from gql.inputs.given import value_or_none
from gql.pagination import After, Before, Connection, First, Last, PageArguments, connection, cursor_maker
from gql.permissions import SEE_ERASURES, SEE_PEOPLE
from gql.types.erasure import Erasure
from gql.types.person import Person

_PEOPLE = "people"


@strawberry.type
class PersonQueries:
    @strawberry.field(
        permission_classes=SEE_ERASURES,
        description="How far the erasure of a person is; null where nobody by that id was forgotten. For admins.",
    )
    async def erasure(
        self,
        info: Info,
        person: Annotated[
            strawberry.ID, strawberry.argument(description="The id of the pseudonym, or the one that the person had.")
        ],
    ) -> Erasure | None:
        found = await info.context.domain.forgetting.find(person)
        return None if found is None else Erasure.of(found)

    @strawberry.field(
        permission_classes=SEE_PEOPLE,
        description=(
            "The people, and programs with tokens, that incidents can be assigned to, oldest first: a token is known "
            "once it is created, a user of the OIDC issuer once they act or are named. For responders."
        ),
    )
    async def people(
        self,
        info: Info,
        text: Annotated[
            str | None, strawberry.argument(description="Only those whose name has this text in it, in any case.")
        ] = strawberry.UNSET,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
    ) -> Connection[Person] | None:
        reads, cursors = info.context.domain.reads, info.context.domain.reads.cursors
        arguments = PageArguments(first=first, after=after, last=last, before=before)
        wanted = value_or_none(text) or ""
        return connection(
            await reads.people(wanted, arguments.request(cursors, _PEOPLE)),
            to_node=lambda person: Person.of(person.actor),
            cursor=cursor_maker(cursors, _PEOPLE, lambda person: (person.id,)),
            count=lambda: reads.people_count(wanted),
        )
