"""The reasons of a refused mutation, as data."""

import re
from typing import Self

import strawberry

from domain.automations.validation import InvalidDefinitionError
from domain.errors import DomainError
from gql.errors import report
from gql.types.error_codes import ErrorCode

_CODES = {code.value for code in ErrorCode}
_MOST_PROBLEMS = 100
#: The members of a path such as `actions[0].config.title`.
_PLACES = re.compile(r"[^.\[\]]+")


@strawberry.type(
    description=(
        "One reason why a mutation was refused or failed. Nothing was written, unless the code is UNAVAILABLE, TIMEOUT "
        "or INTERNAL. After these it may have been written, and an `idempotencyKey` makes a retry safe."
    )
)
class UserError:
    code: ErrorCode = strawberry.field(description="The reason, for programs.")
    message: str = strawberry.field(description="The reason, for people.")
    field: list[str] | None = strawberry.field(description="The path of the refused value in the input.")

    @classmethod
    def of(cls, error: Exception, request_id: str) -> Self:
        """Return the reason; bugs are logged and masked."""
        if isinstance(error, DomainError) and error.code in _CODES:
            return cls(code=ErrorCode(error.code), message=error.message, field=error.field)
        return cls(code=ErrorCode.INTERNAL, message=report(error, request_id)["message"], field=None)

    @classmethod
    def list_of(cls, error: Exception, request_id: str) -> list[Self]:
        """Return one reason for each problem of a definition, else one in all."""
        if not isinstance(error, InvalidDefinitionError):
            return [cls.of(error, request_id)]
        return [
            cls(
                code=ErrorCode(error.code),
                message=_sentence(problem.message),
                field=["definition", *_PLACES.findall(problem.path)],
            )
            for problem in error.problems[:_MOST_PROBLEMS]
            if problem.is_error
        ]


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].removesuffix('.')}."
