"""Mutations on people."""

from typing import Annotated

import strawberry

from domain.model import erasure as model
from domain.services.writing import Outcome
from gql.context import Info
from gql.inputs.person import ForgetPersonInput
from gql.mutations.answers import answer
from gql.permissions import FORGET_PEOPLE
from gql.types.erasure import Erasure
from gql.types.payloads import ForgetPersonPayload

_INPUT = strawberry.argument(description="The input of the mutation.")


@strawberry.type
class PersonMutations:
    @strawberry.mutation(
        permission_classes=FORGET_PEOPLE,
        description=(
            "Erase the name and the id of a person, or of a program with a token, for good: a pseudonym takes their "
            "place in all that is stored, the event log included. Their tokens are revoked; whoever signs in later is "
            "a new person. It answers at once, and takes a minute at least. Texts that people wrote stay as they are. "
            "The last admin token cannot be forgotten."
        ),
    )
    async def forget_person(self, info: Info, input: Annotated[ForgetPersonInput, _INPUT]) -> ForgetPersonPayload:
        async def call() -> Outcome[model.Erasure]:
            return await info.context.domain.forgetting.forget(info.context.viewer, input.id)

        return await answer(info, ForgetPersonPayload, call, lambda erasure: {"erasure": Erasure.of(erasure)})
