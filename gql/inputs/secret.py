"""Inputs of the mutations on secrets."""

import strawberry

_VALUE = "Its value, 4 characters to 16 kB. It is stored encrypted, and no answer ever holds it."


@strawberry.input(
    description="A secret to store. There is no idempotency key, because a repeated value cannot be compared."
)
class CreateSecretInput:
    name: str = strawberry.field(
        description="Its name in automations: 1 to 64 letters, digits, underscores and dashes."
    )
    value: str = strawberry.field(description=_VALUE)


@strawberry.input(description="A new value for a secret.")
class UpdateSecretInput:
    id: strawberry.ID = strawberry.field(description="Its id.")
    value: str = strawberry.field(description=_VALUE)


@strawberry.input(description="A secret to delete.")
class DeleteSecretInput:
    id: strawberry.ID = strawberry.field(description="Its id.")
