"""Everything that can be wrong with a definition, told before it is saved: where, and what."""

from collections.abc import Iterator, Mapping
from typing import Any

from domain.automations.catalog import Catalog
from domain.automations.definition import Definition
from domain.automations.validation.bounds import bound_problems
from domain.automations.validation.loops import loop_problems
from domain.automations.validation.problems import InvalidDefinitionError, Problem, bounded
from domain.automations.validation.secrets import secret_problems
from domain.automations.validation.steps import Steps, id_problems, producers
from domain.automations.validation.structure import read_definition
from domain.automations.validation.texts import Texts
from domain.automations.validation.triggers import gate_problems, trigger_problems

__all__ = ["InvalidDefinitionError", "Problem", "parsed", "problems_of"]


def problems_of(document: Mapping[str, Any], catalog: Catalog) -> list[Problem]:
    """All problems of a definition; those of its form first, and if there are any, only those."""
    read = _read(document, catalog)
    return [] if isinstance(read, Definition) else read


def parsed(document: Mapping[str, Any], catalog: Catalog) -> Definition:
    """The definition that a document is.

    Raises:
        InvalidDefinitionError: it has problems.
    """
    read = _read(document, catalog)
    if isinstance(read, Definition):
        return read
    raise InvalidDefinitionError(read)


def _read(document: Any, catalog: Catalog) -> Definition | list[Problem]:
    if problems := bound_problems(document):
        return problems
    definition = read_definition(document)
    if not isinstance(definition, Definition):
        return bounded(definition)
    return bounded(_meant(document, definition, catalog)) or definition


def _meant(document: Mapping[str, Any], definition: Definition, catalog: Catalog) -> Iterator[Problem]:
    """What is wrong with a definition whose form is right."""
    texts = Texts(producers(definition, catalog), catalog.kinds)
    yield from secret_problems(document, definition)
    yield from trigger_problems(definition, catalog, texts)
    yield from gate_problems(definition, texts)
    yield from id_problems(definition)
    yield from Steps(definition, catalog, texts).problems()
    yield from loop_problems(definition)
