"""Wake references: the entities whose changes could make a waiting condition hold."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from domain.automations.conditions.flips import leaves
from domain.automations.conditions.model import Condition, NumericState, SystemState, TimeOfDay
from domain.automations.expressions.analysis import references
from domain.automations.expressions.errors import ExpressionError
from domain.automations.expressions.flips import is_timed
from domain.automations.expressions.language import Expression, compile_expression, compile_tree
from domain.automations.expressions.references import Reference
from domain.automations.expressions.templates import Template, compile_template

ANY = "*"

# An id that depends on the time is not resolved, so that any moment will do.
_MOMENT = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class WakeReferences:
    """References as `kind:id` or `kind:*`; indeterminate if some may be missing."""

    refs: frozenset[str]
    indeterminate: bool


@dataclass(frozen=True, slots=True)
class _Known:
    scope: Mapping[str, Any] | None
    context_system: str | None


def wake_references(
    condition: Condition, *, scope: Mapping[str, Any] | None = None, context_system: str | None = None
) -> WakeReferences:
    """Return the entities and health that the condition reads; a scope, if given, resolves ids that are expressions."""
    refs: set[str] = set()
    indeterminate = False
    known = _Known(scope, context_system)
    for leaf in leaves(condition):
        try:
            found = {ref for compiled in _compiled(leaf) for ref in _refs(compiled, known)}
        except ExpressionError:
            found = {None}
        if isinstance(leaf, SystemState):
            refs.add(f"health:{leaf.state.entity}")
        indeterminate |= None in found
        refs |= {ref for ref in found if ref is not None}
    return WakeReferences(frozenset(refs), indeterminate)


def _compiled(leaf: str | NumericState | TimeOfDay | SystemState) -> Iterator[Expression | Template]:
    match leaf:
        case str():
            yield compile_expression(leaf)
        case NumericState():
            if isinstance(leaf.numeric_state.value, str):
                yield compile_expression(leaf.numeric_state.value)
        case SystemState():
            if leaf.state.dwell and leaf.state.dwell.template:
                yield compile_template(leaf.state.dwell.template)


def _refs(compiled: Expression | Template, known: _Known) -> Iterator[str | None]:
    """Yield the references; None for one whose kind is unknown."""
    for reference in references(compiled):
        path = [_resolved(reference, index, compiled, known) for index in range(min(2, len(reference.parts)))]
        first, second = (*path, None, None)[:2]
        if reference.root == "state":
            yield f"{first}:{second or ANY}" if first else None
        elif reference.root == "health":
            yield f"health:{_health_id(first, second, known)}"


def _health_id(first: str | None, second: str | None, known: _Known) -> str:
    if first == "system":
        return known.context_system or ANY
    return second or ANY if first == "systems" else ANY


def _resolved(reference: Reference, index: int, compiled: Expression | Template, known: _Known) -> str | None:
    """Return that part of the path; None if it is not known."""
    part, key = reference.parts[index], reference.keys[index]
    if isinstance(part, str | int):
        return str(part)
    if key is None or known.scope is None or is_timed(key):
        return None
    try:
        value = compile_tree(compiled.source, key).value(known.scope, now=_MOMENT)
    except ExpressionError:
        return None
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) and value != "" else None
