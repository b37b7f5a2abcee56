"""The forms of filters: what their SQL depends on, apart from the values that parameters stand for."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa

from domain.ids import is_id
from domain.model.filters import AllOf, AnyOf, Field, Filter, Not, Operator, Term
from domain.persistence.search import queries_of
from domain.persistence.tables import incidents, systems

Parameter = Callable[[sa.types.TypeEngine[Any]], sa.BindParameter[Any]]
Columns = sa.ColumnCollection[str, sa.Column[Any]] | Mapping[str, sa.Column[Any]]
#: What recorded states have as no text.
_RECORDED = MappingProxyType({Field.NUMBER.value: incidents.c.number})


def form_of(tree: Filter, dialect: sa.Dialect) -> tuple[Hashable, list[Any]]:
    """Return a filter's form, and the values of its parameters in the order of `with_parameters`."""
    values: list[Any] = []
    return _collected(tree, dialect, values), values


def with_parameters(tree: Filter, dialect: sa.Dialect, parameter: Parameter, *, recorded: bool = False) -> Filter:
    """Return the filter with parameters in the place of its values; it is the same for all filters of one form.

    In the place of systems' keys are look-ups of their ids, which find nothing for unknown ones. The values are those
    of columns, or those of recorded states.
    """

    def within(part: Filter) -> Filter:
        match part:
            case AllOf(parts):
                return AllOf(tuple(map(within, parts)))
            case AnyOf(parts):
                return AnyOf(tuple(map(within, parts)))
            case Not(inner):
                return Not(within(inner))
            case Term():
                return _term_with_parameters(part, dialect, parameter, _RECORDED if recorded else incidents.c)

    return within(tree)


def looked_up(tree: Filter) -> list[sa.ScalarSelect[Any]]:
    """Return the look-ups of systems' keys in a filter with parameters."""
    match tree:
        case AllOf(parts) | AnyOf(parts):
            return [each for part in parts for each in looked_up(part)]
        case Not(part):
            return looked_up(part)
        case Term():
            values = tree.value if isinstance(tree.value, tuple) else ()
            return [each for each in values if isinstance(each, sa.ScalarSelect)]


def padded(values: Sequence[Any]) -> list[Any]:
    """Return a list made longer to a power of two, so that all lengths have a few forms; an empty one stays so."""
    length = 1 << (len(values) - 1).bit_length() if values else 0
    return [*values, *[values[-1]] * (length - len(values))] if values else []


def _collected(tree: Filter, dialect: sa.Dialect, values: list[Any]) -> Hashable:
    match tree:
        case Term():
            return _collected_term(tree, dialect, values)
        case AllOf(parts):
            return ("all", *[_collected(part, dialect, values) for part in parts])
        case AnyOf(parts):
            return ("any", *[_collected(part, dialect, values) for part in parts])
        case Not(part):
            return "not", _collected(part, dialect, values)


def _collected_term(term: Term, dialect: sa.Dialect, values: list[Any]) -> Hashable:
    if isinstance(term.value, bool):
        # A literal: with a parameter, the planner would not use the index of open incidents.
        return term.field, term.value
    if term.field is not Field.TEXT and term.operator is not Operator.IN:
        values.append(term.value)
        return term.field, term.operator
    several = _several(term, dialect)
    values.extend(several)
    keys = tuple(map(_is_key, several)) if term.field is Field.SYSTEM else ()
    return term.field, term.operator, len(several), keys


def _term_with_parameters(term: Term, dialect: sa.Dialect, parameter: Parameter, columns: Columns) -> Term:
    if isinstance(term.value, bool):
        return term
    kind = columns[term.field].type if term.field in columns else sa.String()
    if term.field is not Field.TEXT and term.operator is not Operator.IN:
        return Term(term.field, term.operator, parameter(kind))
    several = _several(term, dialect)
    if term.field is not Field.SYSTEM:
        return Term(term.field, term.operator, tuple(parameter(kind) for _ in several))
    ids = tuple(_found(parameter(kind)) if _is_key(reference) else parameter(kind) for reference in several)
    return Term(term.field, term.operator, ids)


def _is_key(reference: str) -> bool:
    return not is_id(reference, "sys")


def _found(key: sa.BindParameter[Any]) -> sa.ScalarSelect[Any]:
    return sa.select(systems.c.id).where(systems.c.key == key).scalar_subquery()


def _several(term: Term, dialect: sa.Dialect) -> list[Any]:
    if term.field is Field.TEXT:
        return queries_of(dialect, term.value)
    return padded(term.value)
