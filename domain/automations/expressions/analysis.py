"""What validation asks of expressions and templates: their references, and those to artifacts."""

from collections.abc import Iterable
from dataclasses import dataclass

from domain.automations.expressions.language import Expression
from domain.automations.expressions.references import Reference, tree_references
from domain.automations.expressions.templates import Template


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactReference:
    """One use of what an action made: the action's id and, where it is named, which of its artifacts."""

    action_id: str
    local: str | None
    line: int
    column: int


def references(compiled: Expression | Template) -> tuple[Reference, ...]:
    """Every path into the scope, in the order of the text; a path within another's key is one of its own."""
    expressions: Iterable[Expression] = (compiled,) if isinstance(compiled, Expression) else compiled.expressions
    found = [reference for one in expressions for reference in tree_references(one.tree, one.source)]
    return tuple(sorted(found, key=lambda reference: (reference.line, reference.column)))


def artifact_references(compiled: Expression | Template) -> tuple[ArtifactReference, ...]:
    """Every `artifacts.<id>[.<local>]` or `artifacts["<id>"]`; an id that is only known at run time is left out."""
    return tuple(
        ArtifactReference(
            action_id=str(reference.parts[0]),
            local=_literal(reference),
            line=reference.line,
            column=reference.column,
        )
        for reference in references(compiled)
        if reference.root == "artifacts" and reference.parts and isinstance(reference.parts[0], str | int)
    )


def _literal(reference: Reference) -> str | None:
    second = reference.parts[1] if len(reference.parts) > 1 else None
    return str(second) if isinstance(second, str | int) else None
