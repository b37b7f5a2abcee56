"""Why a mutation was refused, as data."""

import re
from typing import Self

import strawberry

from domain.automations.validation import InvalidDefinitionError
from domain.errors import DomainError
from gql.types.enums import ErrorCode

_MOST_PROBLEMS = 100
#: The members of a path such as `actions[0].config.title`.
_PLACES = re.compile(r"[^.\[\]]+")


@strawberry.type(description="One reason why a mutation was refused; nothing was written.")
class UserError:
    code: ErrorCode = strawberry.field(description="The reason, for programs.")
    message: str = strawberry.field(description="The reason, for people.")
    field: list[str] | None = strawberry.field(description="Where in the input the reason lies.")

    @classmethod
    def of(cls, error: DomainError) -> Self:
        return cls(code=ErrorCode(error.code), message=error.message, field=error.field)

    @classmethod
    def list_of(cls, error: DomainError) -> list[Self]:
        """One for each problem of a definition, one for anything else."""
        if not isinstance(error, InvalidDefinitionError):
            return [cls.of(error)]
        return [
            cls(
                code=ErrorCode(error.code),
                message=_sentence(problem.message),
                field=["definition", *_PLACES.findall(problem.path)],
            )
            for problem in error.problems[:_MOST_PROBLEMS]
        ]


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].removesuffix('.')}."
