"""Filters as small trees, and the rule by which a recorded state matches one."""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from domain.model.incident import Severity, Status
from domain.model.moment import iso
from domain.model.words import MOST_WORDS


class Field(StrEnum):
    """A field of incidents that filters can use."""

    STATUS = "status"
    SEVERITY = "severity"
    NUMBER = "number"
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    SYSTEM = "system"
    #: A label: its key, and behind it the values that it may have; any, where there are none.
    LABEL = "label"
    OPENED_BY = "opened_by"
    DEDUPE_KEY = "dedupe_key"
    #: A link that the audience sees, by its URL.
    LINK = "link"
    LEAD = "lead"
    #: The people who take part, by their ids; whether there is any.
    ASSIGNEE = "assignee"
    TEXT = "text"
    OCCURRED_AT = "occurred_at"
    CREATED_AT = "created_at"
    UPDATED_AT = "updated_at"
    RESOLVED_AT = "resolved_at"


#: The fields that recorded states do not have: whether they match is asked of the database.
UNRECORDED = frozenset({Field.DEDUPE_KEY, Field.LINK, Field.TEXT})
#: The fields by which filters name people.
BY_PEOPLE = frozenset({Field.OPENED_BY, Field.LEAD, Field.ASSIGNEE})


class Operator(StrEnum):
    """A comparison of a field with a value; an absent field matches nothing."""

    IN = "in"
    EQ = "eq"
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"


@dataclass(frozen=True, slots=True)
class Term:
    """One comparison; values are enums, aware datetimes, numbers, booleans or tuples of these."""

    field: Field
    operator: Operator
    value: Any


@dataclass(frozen=True, slots=True)
class AllOf:
    """A filter that matches when all of its parts match; without parts it always does."""

    parts: tuple["Filter", ...] = ()


@dataclass(frozen=True, slots=True)
class AnyOf:
    """A filter that matches when at least one of its parts matches."""

    parts: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """A filter that matches when its part does not."""

    part: "Filter"


Filter = Term | AllOf | AnyOf | Not
EVERYTHING = AllOf()
ONLY_OPEN = Term(Field.OPEN, Operator.EQ, True)  # noqa: FBT003 - a value, not a flag

_COMPARE: dict[Operator, Callable[[Any, Any], bool]] = {
    Operator.IN: lambda left, right: left in right,
    Operator.EQ: operator.eq,
    Operator.GT: operator.gt,
    Operator.GTE: operator.ge,
    Operator.LT: operator.lt,
    Operator.LTE: operator.le,
}


def matches(tree: Filter, facts: Mapping[str, Any]) -> bool:
    """Return whether a recorded state passes the filter; a query gives the same answer."""
    match tree:
        case AllOf(parts):
            return all(matches(part, facts) for part in parts)
        case AnyOf(parts):
            return any(matches(part, facts) for part in parts)
        case Not(part):
            return not matches(part, facts)
        case Term():
            return _term_matches(tree, facts)


def fields_of(tree: Filter) -> frozenset[Field]:
    """Return all fields that the filter uses."""
    match tree:
        case AllOf(parts) | AnyOf(parts):
            return frozenset().union(*(fields_of(part) for part in parts))
        case Not(part):
            return fields_of(part)
        case Term():
            return frozenset({tree.field})


def recorded_part(tree: Filter) -> Filter:
    """Return the filter without what recorded states do not have: whatever matches the whole matches this, too."""
    if isinstance(tree, AllOf):
        return AllOf(tuple(map(recorded_part, tree.parts)))
    return AllOf() if fields_of(tree) & UNRECORDED else tree


def is_of_open(tree: Filter) -> bool:
    """Return whether the filter says in so many words that nothing but open incidents matches."""
    return tree == ONLY_OPEN or (isinstance(tree, AllOf) and any(map(is_of_open, tree.parts)))


def systems_in(tree: Filter) -> frozenset[str]:
    """Return all systems that the filter names."""
    match tree:
        case AllOf(parts) | AnyOf(parts):
            return frozenset().union(*(systems_in(part) for part in parts))
        case Not(part):
            return systems_in(part)
        case Term():
            return frozenset(tree.value if tree.field is Field.SYSTEM else ())


def size_of(tree: Filter) -> int:
    """Return the number of values that the filter compares with; a text counts as the most words that it may have."""
    match tree:
        case AllOf(parts) | AnyOf(parts):
            return sum(map(size_of, parts))
        case Not(part):
            return size_of(part)
        case Term():
            if tree.field is Field.TEXT:
                return MOST_WORDS
            return len(tree.value) if tree.operator is Operator.IN else 1


def _term_matches(term: Term, facts: Mapping[str, Any]) -> bool:
    if term.field is Field.SYSTEM:
        return not set(facts["system_ids"]).isdisjoint(term.value)
    if term.field is Field.LABEL:
        key, *values = term.value
        value = facts.get("labels", {}).get(key)
        return value is not None and (not values or value in values)
    if term.field is Field.OPEN:
        return (facts["status"] != Status.RESOLVED) is term.value
    if term.field is Field.ACKNOWLEDGED:
        return (facts.get("acknowledged_at") is not None) is term.value
    if term.field in {Field.OPENED_BY, Field.LEAD, Field.ASSIGNEE}:
        return _people_match(term, facts)
    actual = facts[term.field]
    if term.field is Field.SEVERITY:
        actual = Severity(actual)
    return actual is not None and _COMPARE[term.operator](_comparable(actual), _comparable(term.value))


def _people_match(term: Term, facts: Mapping[str, Any]) -> bool:
    if term.field is Field.ASSIGNEE:
        people = facts.get("assignees") or ()
    else:
        actor = facts.get(term.field)
        people = () if actor is None else (actor,)
    if term.operator is Operator.EQ:
        return bool(people) is term.value
    return any(person["id"] in term.value for person in people)


def _comparable(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_comparable(item) for item in value)
    if isinstance(value, datetime):
        return iso(value)
    return value.rank if isinstance(value, Severity) else value
