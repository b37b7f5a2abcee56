"""Everything that can be wrong with a definition, told before it is saved: where, and what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from domain.automations.catalog import Catalog
from domain.automations.conditions.depth import check_depth
from domain.automations.definition import Definition
from domain.automations.expressions.errors import ExpressionError
from domain.errors import DomainError


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong: its place, such as `actions[0].config.title`, and what it is."""

    path: str
    message: str


class InvalidDefinitionError(DomainError):
    """A definition with problems; none of it is saved."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        first = problems[0]
        super().__init__(f"{first.path or 'definition'}: {first.message}", field=["definition"])
        self.problems = tuple(problems)


def problems_of(document: Mapping[str, Any], catalog: Catalog) -> list[Problem]:  # noqa: ARG001
    """All problems of a definition; those of its form first, and if there are any, only those."""
    try:
        check_depth(document)
        Definition.model_validate(document)
    except ExpressionError as error:
        return [Problem(path="", message=str(error))]
    except ValidationError as error:
        return [
            Problem(path=".".join(str(part) for part in fault["loc"]), message=fault["msg"])
            for fault in error.errors(include_url=False, include_input=False)
        ]
    return []


def parsed(document: Mapping[str, Any], catalog: Catalog) -> Definition:
    """The definition that a document is.

    Raises:
        InvalidDefinitionError: it has problems.
    """
    problems = problems_of(document, catalog)
    if problems:
        raise InvalidDefinitionError(problems)
    return Definition.model_validate(document)
