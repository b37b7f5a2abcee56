"""Why a mutation was refused, as data."""

from typing import Self

import strawberry

from domain.errors import DomainError
from gql.types.enums import ErrorCode


@strawberry.type(description="One reason why a mutation was refused; nothing was written.")
class UserError:
    code: ErrorCode = strawberry.field(description="The reason, for programs.")
    message: str = strawberry.field(description="The reason, for people.")
    field: list[str] | None = strawberry.field(description="Where in the input the reason lies.")

    @classmethod
    def of(cls, error: DomainError) -> Self:
        return cls(code=ErrorCode(error.code), message=error.message, field=error.field)
