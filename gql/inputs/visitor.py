"""Inputs about subscriptions of visitors."""

import strawberry

from domain.errors import InvalidInputError
from gql.inputs.given import value_or_none


@strawberry.input(description="A subscription of a visitor to delete: by its id, or by its address. Give one of both.")
class DeleteVisitorSubscriptionInput:
    id: strawberry.ID | None = strawberry.field(default=strawberry.UNSET, description="Its id.")
    address: str | None = strawberry.field(
        default=strawberry.UNSET, description="Its mail address, or the URL of its webhook, in full."
    )

    def given(self) -> tuple[str, bool]:
        """Return the id or the address, and whether it is an address.

        Raises:
            InvalidInputError: both are given, or neither.
        """
        identifier, address = value_or_none(self.id), value_or_none(self.address)
        if identifier is not None and address is None:
            return identifier, False
        if address is not None and identifier is None:
            return address, True
        raise InvalidInputError("Give either `id` or `address`.", field=["id"])
