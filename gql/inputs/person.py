"""Inputs of the mutations on people."""

import strawberry


@strawberry.input(description="A person to forget. It needs no idempotency key: the same call has the same answer.")
class ForgetPersonInput:
    id: strawberry.ID = strawberry.field(description="The person, by the id in `people`: that of an actor.")
