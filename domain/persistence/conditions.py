"""Filters as SQL: on incidents as they are, and on states in the log."""

import operator
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from domain.model.filters import AllOf, AnyOf, Field, Filter, Not, Operator, Term
from domain.model.incident import Severity, Status
from domain.model.moment import iso
from domain.model.viewer import Audience
from domain.persistence.dialects import json_list_has, json_list_overlaps, json_object_has, literal
from domain.persistence.people_tables import incident_assignees
from domain.persistence.search import queries_of, search_condition
from domain.persistence.tables import incident_labels, incident_links, incident_systems, incidents

#: A literal, because with a bound value the planner would not use the partial index of open incidents.
_RESOLVED: sa.ColumnElement[str] = sa.literal_column("'resolved'")
IS_OPEN = incidents.c.status != _RESOLVED
_APPLY: dict[Operator, Callable[[Any, Any], Any]] = {
    Operator.EQ: operator.eq,
    Operator.GT: operator.gt,
    Operator.GTE: operator.ge,
    Operator.LT: operator.lt,
    Operator.LTE: operator.le,
}
_SEVERITIES = list(Severity)
TermCondition = Callable[[Term], sa.ColumnElement[bool]]


def incident_condition(
    dialect: sa.Dialect, tree: Filter, audience: Audience, rows: sa.FromClause = incidents
) -> sa.ColumnElement[bool]:
    """Return a filter as a condition on incidents, or on an alias; text search covers what the audience may see.

    Its values may be parameters, and that of a text the queries for its words.
    """

    def term_condition(term: Term) -> sa.ColumnElement[bool]:
        match term.field:
            case Field.SYSTEM | Field.LABEL | Field.LINK | Field.ASSIGNEE:
                found = rows.c.id.in_(_ids_by(term, audience))
                return ~found if term.value is False else found
            case Field.OPEN | Field.ACKNOWLEDGED:
                is_open, seen = rows.c.status != _RESOLVED, rows.c.acknowledged_at.is_not(None)
                holds = is_open if term.field is Field.OPEN else seen
                return holds if term.value else ~holds
            case Field.TEXT:
                text = term.value
                queries = queries_of(dialect, text) if isinstance(text, str) else text
                return search_condition(dialect, queries, audience, rows.c.id)
            case Field.OPENED_BY | Field.LEAD | Field.DEDUPE_KEY:
                return _one_of(rows, term)
            case _:
                return _column_condition(rows.c[term.field], term)

    return _combine(tree, term_condition)


def as_recorded(tree: Filter) -> Filter:
    """Return the filter with its values as recorded states have them."""
    match tree:
        case AllOf(parts):
            return AllOf(tuple(map(as_recorded, parts)))
        case AnyOf(parts):
            return AnyOf(tuple(map(as_recorded, parts)))
        case Not(part):
            return Not(as_recorded(part))
        case Term(field=Field.SEVERITY):
            # Texts, whose order is not that of severities.
            return Term(Field.SEVERITY, Operator.IN, tuple(_severities(tree)))
        case Term(
            field=Field.OPEN
            | Field.ACKNOWLEDGED
            | Field.LEAD
            | Field.ASSIGNEE
            | Field.SYSTEM
            | Field.LABEL
            | Field.OPENED_BY
            | Field.NUMBER
        ):
            return tree
        case Term():
            return _with_texts(tree)


def recorded_condition(dialect: sa.Dialect, tree: Filter, state: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """Return a filter as a condition on a JSON column of recorded states; it agrees with `model.filters.matches`.

    Its values are those of `as_recorded`, or parameters for them.
    """

    def term_condition(term: Term) -> sa.ColumnElement[bool]:
        match term.field:
            case Field.SYSTEM:
                return json_list_overlaps(dialect, state["system_ids"], term.value)
            case Field.LABEL:
                return json_object_has(dialect, state["labels"], term.value[0], term.value[1:])
            case Field.OPEN | Field.ACKNOWLEDGED:
                is_open, seen = _text(state["status"]) != Status.RESOLVED, _text(state["acknowledged_at"])
                holds = is_open if term.field is Field.OPEN else seen.is_not(None)
                return holds if term.value else ~holds
            case Field.OPENED_BY | Field.LEAD | Field.ASSIGNEE:
                return _recorded_people(dialect, state, term)
            case Field.NUMBER:
                return _column_condition(state["number"].as_integer(), term)
            case _:
                return _column_condition(_text(state[term.field.value]), term)

    # A change without a state on this side (a creation's before) matches nothing, `not` included.
    return sa.and_(state.is_not(None), _combine(tree, term_condition))


def _text(element: Any) -> sa.ColumnElement[str]:
    text: sa.ColumnElement[str] = element.as_string()
    return text


def _combine(tree: Filter, term_condition: TermCondition) -> sa.ColumnElement[bool]:
    match tree:
        case AllOf(parts):
            return sa.and_(sa.true(), *(_combine(part, term_condition) for part in parts))
        case AnyOf(parts):
            return sa.or_(sa.false(), *(_combine(part, term_condition) for part in parts))
        case Not(part):
            return sa.not_(_combine(part, term_condition))
        case Term():
            return term_condition(tree)


def _column_condition(column: sa.ColumnElement[Any], term: Term) -> sa.ColumnElement[bool]:
    # Never NULL: an absent value matches nothing, and `not` of that matches.
    if term.operator is Operator.IN:
        # Worse than the worst: none.
        return sa.and_(column.is_not(None), column.in_(term.value)) if term.value else sa.false()
    return sa.and_(column.is_not(None), _APPLY[term.operator](column, term.value))


def _ids_by(term: Term, audience: Audience) -> sa.Select[tuple[str]]:
    """Return the ids of incidents by rows that belong to them."""
    if term.field is Field.LABEL:
        return _labelled(*term.value)
    if term.field is Field.ASSIGNEE:
        people = sa.select(incident_assignees.c.incident_id)
        return people if term.operator is Operator.EQ else people.where(incident_assignees.c.id.in_(term.value))
    if term.field is Field.SYSTEM:
        return sa.select(incident_systems.c.incident_id).where(incident_systems.c.system_id.in_(term.value))
    links = incident_links.c
    seen = [literal(each.value) for each in audience.visibilities]
    return sa.select(links.incident_id).where(links.url_digest.in_(term.value), links.visibility.in_(seen))


def _one_of(rows: sa.FromClause, term: Term) -> sa.ColumnElement[bool]:
    if term.field is not Field.DEDUPE_KEY:
        return _actor_condition(rows.c[f"{term.field}_id"], term)
    # A literal, so that the planner may use the partial index of keys.
    return sa.and_(rows.c.dedupe_key != literal(""), rows.c.dedupe_key.in_(term.value))


def _actor_condition(actor_id: sa.ColumnElement[Any], term: Term) -> sa.ColumnElement[bool]:
    if term.operator is Operator.EQ:
        return actor_id.is_not(None) if term.value else actor_id.is_(None)
    return sa.and_(actor_id.is_not(None), actor_id.in_(term.value))


def _recorded_people(dialect: sa.Dialect, state: sa.ColumnElement[Any], term: Term) -> sa.ColumnElement[bool]:
    if term.field is not Field.ASSIGNEE:
        return _actor_condition(_text(state[term.field.value]["id"]), term)
    people = state["assignees"]
    if term.operator is Operator.EQ:
        return json_list_has(dialect, people) if term.value else ~json_list_has(dialect, people)
    return json_list_has(dialect, people, "id", term.value) if term.value else sa.false()


def _labelled(key: Any, *values: Any) -> sa.Select[tuple[str]]:
    labels = incident_labels.c
    found = sa.select(labels.incident_id).where(labels.key == key)
    return found.where(labels.value.in_(values)) if values else found


def _severities(term: Term) -> list[str]:
    if term.operator is Operator.IN:
        return [severity.value for severity in term.value]
    return [severity.value for severity in _SEVERITIES if _APPLY[term.operator](severity.rank, term.value.rank)]


def _with_texts(term: Term) -> Term:
    if term.operator is Operator.IN:
        return Term(term.field, term.operator, tuple(str(value) for value in term.value))
    value = term.value
    return Term(term.field, term.operator, iso(value) if hasattr(value, "isoformat") else str(value))
