"""Validation of definitions before they are saved: every problem, with its path."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from domain.automations.definitions.definition import Definition, walk
from domain.automations.validation.bounds import bound_problems
from domain.automations.validation.catalog import Catalog
from domain.automations.validation.dialects.answers import answered
from domain.automations.validation.loops import loop_problems
from domain.automations.validation.problems import InvalidDefinitionError, Problem, ProblemSeverity, bounded
from domain.automations.validation.secrets import secret_problems
from domain.automations.validation.steps import Steps, artifact_types, id_problems
from domain.automations.validation.structure import read_definition
from domain.automations.validation.texts import Texts
from domain.automations.validation.triggers import gate_problems, trigger_problems

__all__ = ["Checked", "InvalidDefinitionError", "Problem", "ProblemSeverity", "checked", "parsed", "problems_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A document's own problems, and its definition if its form is right."""

    problems: Sequence[Problem]
    #: None if its form is not right.
    definition: Definition | None = None
    #: The systems that its expressions and conditions name, with their paths.
    systems: Sequence[tuple[str, str]] = ()


def problems_of(document: Mapping[str, Any], catalog: Catalog) -> list[Problem]:
    """Return all problems of a definition; if its form has problems, only those."""
    return bounded(checked(document, catalog).problems)


def parsed(document: Mapping[str, Any], catalog: Catalog) -> Definition:
    """Return the definition of a document.

    Raises:
        InvalidDefinitionError: it has problems.
    """
    found = checked(document, catalog)
    if found.definition is None or any(problem.is_error for problem in found.problems):
        raise InvalidDefinitionError(bounded(found.problems))
    return found.definition


def checked(document: Any, catalog: Catalog) -> Checked:
    """Return the definition of a document, with all its problems."""
    if problems := bound_problems(document):
        return Checked(problems=problems)
    definition = read_definition(document)
    if not isinstance(definition, Definition):
        return Checked(problems=answered(document, definition))
    events = [trigger.event for trigger in definition.triggers]
    named = {node.id: node for _, node in walk(definition.actions) if node.id is not None}
    texts = Texts(catalog, events, artifact_types(definition, catalog), named)
    problems = [*secret_problems(document, definition), *_meant(definition, catalog, texts)]
    return Checked(problems=answered(document, problems), definition=definition, systems=texts.systems)


def _meant(definition: Definition, catalog: Catalog, texts: Texts) -> Iterator[Problem]:
    """Yield the problems of a definition whose form is right."""
    yield from trigger_problems(definition, catalog, texts)
    yield from gate_problems(definition, texts)
    yield from id_problems(definition)
    yield from Steps(definition, catalog, texts).problems()
    yield from loop_problems(definition)
