"""Moments at which time alone could change the value of an expression."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from jinja2 import nodes
from typing_extensions import TypeIs

from domain.automations.expressions.errors import EvaluationError
from domain.automations.expressions.language import Expression, compile_tree
from domain.automations.expressions.values import to_moment, to_number

#: The interval of re-evaluation for expressions that use `now` without a known moment of change.
RECHECK = timedelta(seconds=30)

# Past a strict bound by the smallest step there is: at the bound itself it does not hold yet.
_STEP = timedelta(microseconds=1)

_TIMED_FILTERS = {"older_than", "duration_since"}
_EQUALITIES_AND_ORDERS = {"eq", "ne", "lt", "lteq", "gt", "gteq"}


def next_flip_of(expression: Expression, scope: Mapping[str, Any], *, now: datetime) -> datetime | None:
    """Return the earliest moment after now at which time alone could change its value; None if never."""
    return min((flip for flip in _flips(expression, scope, now) if flip > now), default=None)


def next_crossing_of(
    expression: Expression, bounds: list[float], scope: Mapping[str, Any], *, now: datetime
) -> datetime | None:
    """Return the same, if only crossing one of these bounds matters."""
    tree = expression.tree
    if not _is_duration(tree):
        return next_flip_of(expression, scope, now=now)
    if is_timed(tree.node):
        return now + RECHECK
    subject = _value(expression, tree.node, scope, now)
    return min((flip for bound in bounds for flip in _crossings(subject, bound) if flip > now), default=None)


def is_timed(tree: nodes.Node | None) -> bool:
    """Return whether the value depends on the time of the evaluation."""
    return tree is not None and (
        _is_timed_itself(tree) or any(map(_is_timed_itself, tree.find_all((nodes.Name, nodes.Filter))))
    )


def _flips(expression: Expression, scope: Mapping[str, Any], now: datetime) -> Iterator[datetime]:
    waiting: list[nodes.Node] = [expression.tree]
    while waiting:
        node = waiting.pop()
        pair = _known_pair(node)
        if pair and not any(map(is_timed, pair)):
            subject, bound = (_value(expression, part, scope, now) for part in pair)
            yield from _crossings(subject, bound)
        elif _is_timed_itself(node):
            yield now + RECHECK
        else:
            waiting += node.iter_child_nodes()


def _known_pair(node: nodes.Node) -> tuple[nodes.Expr, nodes.Expr] | None:
    """Return the moment, and the seconds after it at which this part changes, if both are known."""
    if isinstance(node, nodes.Filter) and node.name == "older_than" and node.node is not None:
        return node.node, node.args[0]
    if isinstance(node, nodes.Compare) and len(node.ops) == 1 and node.ops[0].op in _EQUALITIES_AND_ORDERS:
        for side, other in ((node.expr, node.ops[0].expr), (node.ops[0].expr, node.expr)):
            if _is_duration(side) and side.node is not None:
                return side.node, other
    return None


def _is_duration(node: nodes.Node) -> TypeIs[nodes.Filter]:
    return isinstance(node, nodes.Filter) and node.name == "duration_since"


def _is_timed_itself(node: nodes.Node) -> bool:
    return (isinstance(node, nodes.Name) and node.name == "now") or (
        isinstance(node, nodes.Filter) and node.name in _TIMED_FILTERS
    )


def _value(expression: Expression, tree: nodes.Expr | None, scope: Mapping[str, Any], now: datetime) -> Any:
    # An expression without a value now gets one only by another change, never by time alone.
    try:
        return compile_tree(expression.source, tree).value(scope, now=now) if tree is not None else None
    except EvaluationError:
        return None


def _crossings(subject: Any, bound: Any) -> Iterator[datetime]:
    moment, seconds = to_moment(subject), to_number(bound)
    if moment is None or seconds is None:
        return
    try:
        at = moment + timedelta(seconds=seconds)
        yield at
        yield at + _STEP
    except OverflowError:
        return
