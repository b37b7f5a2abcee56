"""The references of expressions and templates, for validation."""

from collections.abc import Iterable

from domain.automations.expressions.language import Expression
from domain.automations.expressions.references import Reference, tree_references
from domain.automations.expressions.templates import Template


def references(compiled: Expression | Template) -> tuple[Reference, ...]:
    """Return every path into the scope, in the order of the text; a path within another's key counts separately."""
    expressions: Iterable[Expression] = (compiled,) if isinstance(compiled, Expression) else compiled.expressions
    found = [reference for one in expressions for reference in tree_references(one.tree, one.source)]
    return tuple(sorted(found, key=lambda reference: (reference.line, reference.column)))
