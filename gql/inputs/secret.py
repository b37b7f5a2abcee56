"""Inputs of the mutations on secrets."""

import strawberry

_VALUE = "Its value, 4 characters to 16 kB; it is encrypted, and no answer ever holds it."


@strawberry.input(
    description="A secret to keep. There is no idempotency key: nothing of the value is kept to compare a repeat with."
)
class CreateSecretInput:
    name: str = strawberry.field(
        description="What automations call it: 1 to 64 letters, digits, underscores and dashes."
    )
    value: str = strawberry.field(description=_VALUE)


@strawberry.input(description="Another value for a secret.")
class UpdateSecretInput:
    id: strawberry.ID = strawberry.field(description="Its id.")
    value: str = strawberry.field(description=_VALUE)


@strawberry.input(description="A secret to forget.")
class DeleteSecretInput:
    id: strawberry.ID = strawberry.field(description="Its id.")
