"""Templates: texts with `{{ }}` spans."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from domain.automations.expressions.errors import EvaluationError, ExpressionError, place
from domain.automations.expressions.language import Expression, compile_part
from domain.automations.expressions.source import normalized
from domain.automations.expressions.values import TEXT_LENGTH, to_text

#: Characters of a template, and how many spans it may have.
TEMPLATE_LENGTH = 32_768
SPANS = 100

_KEPT = 256
_OPENINGS = {"%": "Statements {% %} are not supported.", "#": "Comments {# #} are not supported."}
_CONTROLS = ("-", "+")


@dataclass(frozen=True, slots=True)
class Template:
    """An accepted template: literal texts and expressions in order."""

    source: str
    parts: tuple[str | Expression, ...]
    #: From where to where in the source each span goes, braces included.
    spans: tuple[tuple[int, int], ...]

    @property
    def expressions(self) -> tuple[Expression, ...]:
        """The expressions of its spans, in order."""
        return tuple(part for part in self.parts if isinstance(part, Expression))

    def value(self, scope: Mapping[str, Any], *, now: datetime) -> Any:
        """Return the value of a template that is a single span, of any type; else the rendered text.

        Raises:
            UndefinedValueError: a span depends on something missing in the scope.
            EvaluationError: a span has no value, or the text becomes too long.
        """
        if len(self.parts) == 1 and isinstance(self.parts[0], Expression):
            return self.parts[0].value(scope, now=now)
        return self.text(scope, now=now)

    def text(self, scope: Mapping[str, Any], *, now: datetime) -> str:
        """Return the rendered text, also of a single span.

        Raises:
            UndefinedValueError: a span depends on something missing in the scope.
            EvaluationError: a span has no value, or the text becomes too long.
        """
        rendered: list[str] = []
        length = 0
        for part in self.parts:
            text = part if isinstance(part, str) else _rendered(part, scope, now)
            length += len(text)
            if length > TEXT_LENGTH:
                raise EvaluationError(f"The text would be longer than {TEXT_LENGTH} characters.")
            rendered.append(text)
        return "".join(rendered)


@lru_cache(_KEPT)
def compile_template(source: str) -> Template:
    """Return the template of a text; without a span it is the text itself.

    Raises:
        ExpressionError: a span is no expression or not closed, or there is a statement.
    """
    if len(source) > TEMPLATE_LENGTH:
        raise ExpressionError(f"The template is longer than {TEMPLATE_LENGTH} characters.")
    text = normalized(source)
    pieces = tuple(_pieces(text))
    spans = tuple((start, end) for part, start, end in pieces if isinstance(part, Expression))
    if len(spans) > SPANS:
        raise ExpressionError(f"The template has more than {SPANS} expressions.")
    return Template(text, tuple(part for part, _, _ in pieces), spans)


def _pieces(text: str) -> Iterator[tuple[str | Expression, int, int]]:
    """Yield the parts with their start and end offsets."""
    position = spans = 0
    while position < len(text) and spans <= SPANS:
        opening = _next_opening(text, position)
        if opening > position:
            yield text[position:opening], position, opening
        if opening == len(text):
            return
        if text.startswith(_CONTROLS, opening + 2):
            raise _error(text, opening, "Whitespace control is not supported; put a space after {{.")
        expression, position = compile_part(text, opening + 2, in_span=True)
        spans += 1
        yield expression, opening, position


def _next_opening(text: str, position: int) -> int:
    """Return the offset of the next span, or of the end of the text."""
    while 0 <= (position := text.find("{", position)) < len(text) - 1:
        follower = text[position + 1]
        if follower == "{":
            return position
        if follower in _OPENINGS:
            raise _error(text, position, _OPENINGS[follower])
        position += 1
    return len(text)


def _rendered(expression: Expression, scope: Mapping[str, Any], now: datetime) -> str:
    try:
        return to_text(expression.value(scope, now=now))
    except TypeError as error:
        line, column = place(expression.source, expression.tree.lineno - 1)
        raise EvaluationError("The value cannot be written as text.", line, column) from error


def _error(text: str, offset: int, message: str) -> ExpressionError:
    return ExpressionError(message, *place(text, offset))
