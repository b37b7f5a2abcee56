"""Jinja2's sandbox over plain data, in which undefined values stay unknown."""

import operator
from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import ChainableUndefined, nodes, pass_context
from jinja2.compiler import CodeGenerator, Frame
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from typing_extensions import override

from domain.automations.expressions.errors import EvaluationError
from domain.automations.expressions.filters import FILTERS, Filter
from domain.automations.expressions.values import TEXT_LENGTH, is_bounded, is_number

#: The scope's key of the evaluation's moment: the lexer has no such name, so that no expression reads it.
NOW = "$now"

_SIGN = "-"
_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "lteq": operator.le,
    "gt": operator.gt,
    "gteq": operator.ge,
}


class Missing(ChainableUndefined):
    """A missing value of the scope, and everything below it."""

    __slots__ = ()

    @property
    def name(self) -> str:
        """The name that was not found."""
        return str(self._undefined_name)


class Generator(CodeGenerator):
    """A code generator whose `and`, `or`, `not`, comparisons and choices call the sandbox: unknown stays unknown."""

    @override
    def visit_And(self, node: nodes.BinExpr, frame: Frame) -> None:
        self._write_lazily("both", frame, node.left, node.right)

    @override
    def visit_Or(self, node: nodes.BinExpr, frame: Frame) -> None:
        self._write_lazily("either", frame, node.left, node.right)

    @override
    def visit_Not(self, node: nodes.UnaryExpr, frame: Frame) -> None:
        self._write_lazily("negation", frame, node.node)

    @override
    def visit_CondExpr(self, node: nodes.CondExpr, frame: Frame) -> None:
        assert node.expr2 is not None
        self._write_lazily("choice", frame, node.test, node.expr1, node.expr2)

    @override
    def visit_Compare(self, node: nodes.Compare, frame: Frame) -> None:
        self.write("environment.comparison(")
        self.visit(node.expr, frame)
        for operand in node.ops:
            self.write(f", ({operand.op!r}, ")
            self.visit(operand.expr, frame)
            self.write(")")
        self.write(")")

    def _write_lazily(self, method: str, frame: Frame, first: nodes.Expr, *others: nodes.Expr) -> None:
        self.write(f"environment.{method}(")
        self.visit(first, frame)
        for other in others:
            self.write(", lambda: ")
            self.visit(other, frame)
        self.write(")")


class Sandbox(ImmutableSandboxedEnvironment):
    """The environment of all expressions: no globals, no attributes, no calls."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "%"})
    intercepted_unops = frozenset({"+", "-"})
    code_generator_class = Generator

    def __init__(self) -> None:
        # Not optimized: the optimizer folds constants by running them, before any bound on the result.
        super().__init__(undefined=Missing, optimized=False, keep_trailing_newline=True, autoescape=False)
        self.globals = {}
        self.filters = {name: _lifted(known) for name, known in FILTERS.items()}
        self.tests = {"defined": _is_defined, "none": _is_none, "in": _contains_lifted}

    @override
    def getattr(self, obj: Any, attribute: str) -> Any:
        # Attributes are keys and nothing else: `payload.items` is what the payload says, and a text has none.
        return self.getitem(obj, attribute)

    @override
    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, Missing):
            return obj
        if isinstance(argument, Missing):
            return argument
        key = argument if isinstance(argument, str | int) and not isinstance(argument, bool) else None
        if key is not None and isinstance(obj, dict) and not str(key).startswith("_") and str(key) in obj:
            return obj[str(key)]
        if isinstance(key, int) and isinstance(obj, list | tuple) and -len(obj) <= key < len(obj):
            return obj[key]
        return Missing(name=str(argument)[:80])

    @override
    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        for side in (left, right):
            if isinstance(side, Missing):
                return side
            if not is_number(side):
                raise EvaluationError(f"{operator} takes numbers only.")
        if operator in {"/", "%"} and right == 0:
            raise EvaluationError("Nothing can be divided by 0.")
        return _bounded(super().call_binop(context, operator, left, right))

    @override
    def call_unop(self, context: Context, operator: str, arg: Any) -> Any:
        if isinstance(arg, Missing):
            return arg
        if not is_number(arg):
            raise EvaluationError(f"{operator} takes a number only.")
        return _bounded(-arg if operator == _SIGN else arg)

    def both(self, left: Any, right: Callable[[], Any]) -> Any:
        """Return left if it is false, else right; unknown unless one of them decides."""
        if isinstance(left, Missing):
            other = right()
            return left if isinstance(other, Missing) or other else other
        return right() if left else left

    def either(self, left: Any, right: Callable[[], Any]) -> Any:
        """Return left if it is true, else right; unknown unless one of them decides."""
        if isinstance(left, Missing):
            return right() or left
        return left or right()

    def negation(self, value: Any) -> Any:
        """Return the opposite; unknown for unknown."""
        return value if isinstance(value, Missing) else not value

    def choice(self, test: Any, one: Callable[[], Any], other: Callable[[], Any]) -> Any:
        """Return one or the other; unknown when the test is."""
        if isinstance(test, Missing):
            return test
        return one() if test else other()

    def comparison(self, first: Any, *others: tuple[str, Any]) -> Any:
        """Return whether each holds for its neighbours; unknown when one of them is."""
        result: Any = True
        left = first
        for name, right in others:
            result = self.both(result, lambda pair=(left, right), name=name: _compared(name, *pair))  # type: ignore[misc] # mypy has no type for a default
            left = right
        return result


def _compared(name: str, left: Any, right: Any) -> Any:
    for side in (left, right):
        if isinstance(side, Missing):
            return side
    if name in {"in", "notin"}:
        return _contains(left, right) is (name == "in")
    if name not in {"eq", "ne"} and not (_both(left, right, is_number) or _both(left, right, _is_text)):
        raise EvaluationError("Only two numbers or two texts are less or greater than each other.")
    return _COMPARISONS[name](left, right)


def _both(left: Any, right: Any, check: Callable[[Any], bool]) -> bool:
    return check(left) and check(right)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _contains(item: Any, container: Any) -> bool:
    if isinstance(container, list | tuple):
        return item in container
    if isinstance(container, str | dict):
        return isinstance(item, str) and item in container
    raise EvaluationError("Only a list, a text or an object can contain something.")


def _contains_lifted(item: Any, container: Any) -> Any:
    return _compared("in", item, container)


def _is_defined(value: Any) -> bool:
    return not isinstance(value, Missing)


def _is_none(value: Any) -> Any:
    return value if isinstance(value, Missing) else value is None


def _bounded(result: Any) -> Any:
    if not is_bounded(result):
        raise EvaluationError("The number is too large.")
    return result


def _lifted(known: Filter) -> Callable[..., Any]:
    """Return the filter for Jinja2: it passes unknown values through and bounds the length of texts."""

    @pass_context
    def run(context: Context, value: Any, *arguments: Any) -> Any:
        if isinstance(value, Missing):
            if not known.takes_undefined:
                return value
            value = None
        unknown = next((argument for argument in arguments if isinstance(argument, Missing)), None)
        if unknown is not None:
            return unknown
        given = (context.parent[NOW], value) if known.takes_now else (value,)
        result = known.function(*given, *arguments)
        if isinstance(result, str) and len(result) > TEXT_LENGTH:
            raise EvaluationError(f"The text would be longer than {TEXT_LENGTH} characters.")
        return result

    return run
