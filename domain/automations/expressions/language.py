"""Expressions, compiled once and evaluated over plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from jinja2 import nodes
from jinja2.environment import TemplateExpression

from domain.automations.expressions.errors import EvaluationError, ExpressionError, place
from domain.automations.expressions.grammar import check_tree
from domain.automations.expressions.references import first_missing
from domain.automations.expressions.sandbox import NOW, Missing, Sandbox
from domain.automations.expressions.source import SOURCE_BYTES, TOO_DEEP, normalized, parse
from domain.model.moment import iso

# The most compiled expressions in a process's cache; about 20 kB each.
_KEPT = 1024

_SANDBOX = Sandbox()


@dataclass(frozen=True, slots=True)
class Decided:
    """The truth of an expression; None if it depends on the missing path `undefined`."""

    value: bool | None
    undefined: str | None


@dataclass(frozen=True, slots=True)
class Expression:
    """An accepted expression; evaluating it never changes the scope."""

    #: The text that `line` and `column` count in: for a template's expression the whole template.
    source: str
    tree: nodes.Expr = field(repr=False)
    _run: TemplateExpression = field(repr=False)

    def value(self, scope: Mapping[str, Any], *, now: datetime) -> Any:
        """Return its value, of any type.

        Raises:
            UndefinedValueError: it depends on something missing in the scope.
            EvaluationError: it has no value, such as a division by 0.
        """
        result = self._result(scope, now=now)
        if isinstance(result, Missing):
            raise first_missing(self.tree, self.source, scope, name=result.name)
        return result

    def decided(self, scope: Mapping[str, Any], *, now: datetime) -> "Decided":
        """Return whether it is true, false, or unknown because of something missing.

        Raises:
            EvaluationError: it has no value, such as a division by 0.
        """
        result = self._result(scope, now=now)
        if not isinstance(result, Missing):
            return Decided(bool(result), None)
        missing = first_missing(self.tree, self.source, scope, name=result.name)
        return Decided(None, missing.path)

    def _result(self, scope: Mapping[str, Any], *, now: datetime) -> Any:
        try:
            return self._run({**scope, "now": iso(now), NOW: now})
        except ExpressionError as error:
            line, column = place(self.source, self.tree.lineno - 1)
            raise EvaluationError(error.message, line, column) from error
        except (TypeError, ValueError, ArithmeticError, RecursionError) as error:
            line, column = place(self.source, self.tree.lineno - 1)
            raise EvaluationError("The expression has no value for this input.", line, column) from error


@lru_cache(_KEPT)
def compile_expression(source: str) -> Expression:
    """Return the expression of a text.

    Raises:
        ExpressionError: the text is no expression, or not one that may be saved.
    """
    if len(source) > SOURCE_BYTES:
        raise ExpressionError(f"The expression is longer than {SOURCE_BYTES} bytes.")
    text = normalized(source)
    for mark in ("{{", "}}"):
        if mark in text:
            raise ExpressionError("An expression stands without {{ and }}.", *place(text, text.index(mark)))
    return compile_part(text, 0)[0]


def compile_part(text: str, start: int, *, in_span: bool = False) -> tuple[Expression, int]:
    """Return the expression at that offset of a normalized text, and the offset after its closing `}}`.

    Raises:
        ExpressionError: there is no expression, or not one that may be saved.
    """
    try:
        parsed = parse(_SANDBOX, text, start, in_span=in_span)
        check_tree(text, parsed.tree)
        return compile_tree(text, parsed.tree), parsed.end
    except RecursionError as error:
        # Within the bounds it takes some 500 calls; a caller who is that deep already has fewer left.
        raise ExpressionError(TOO_DEEP, *place(text, start)) from error


@lru_cache(_KEPT)
def compile_tree(text: str, tree: nodes.Expr) -> Expression:
    """Return the expression of a checked tree, such as a part of another expression."""
    # As Environment.compile_expression does it, which would parse the text itself and lose the places.
    body: list[nodes.Node] = [nodes.Assign(nodes.Name("result", "store"), tree, lineno=1)]
    template = _SANDBOX.from_string(nodes.Template(body, lineno=1))
    return Expression(text, tree, TemplateExpression(template, undefined_to_none=False))
