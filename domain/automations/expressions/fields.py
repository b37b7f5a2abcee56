"""Fields of definitions that hold expressions or templates, validated by pydantic."""

from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator, StringConstraints
from pydantic_core import PydanticCustomError

from domain.automations.expressions.errors import ExpressionError
from domain.automations.expressions.language import compile_expression
from domain.automations.expressions.source import SOURCE_BYTES
from domain.automations.expressions.templates import TEMPLATE_LENGTH, compile_template


def _accepted(accept: Callable[[str], object]) -> Callable[[str], str]:
    def check(text: str) -> str:
        try:
            accept(text)
        except ExpressionError as error:
            raise PydanticCustomError(
                "expression",
                "{message} (line {line}, column {column})",
                {"message": error.message, "line": error.line, "column": error.column},
            ) from error
        return text

    return check


#: A text that `compile_expression` accepts.
ExpressionText = Annotated[
    str, StringConstraints(min_length=1, max_length=SOURCE_BYTES), AfterValidator(_accepted(compile_expression))
]
#: A text that `compile_template` accepts.
TemplateText = Annotated[
    str, StringConstraints(min_length=1, max_length=TEMPLATE_LENGTH), AfterValidator(_accepted(compile_template))
]
