"""Filter inputs and their translation to the domain's filters."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Optional

import strawberry
from pydantic.alias_generators import to_camel
from strawberry.types.unset import UnsetType

from domain.errors import ForbiddenError, InvalidInputError, UnknownSystemError
from domain.ids import is_id
from domain.model.filters import EVERYTHING, ONLY_OPEN, AllOf, AnyOf, Field, Filter, Not, Operator, Term, fields_of
from domain.model.incident import digest_of
from domain.model.naming import NO_SYSTEMS, NamedSystems
from domain.model.viewer import Audience
from domain.model.words import check_search
from gql.context import Context
from gql.inputs.comparisons import (
    DateTimeFilter,
    DedupeKeyFilter,
    LabelFilter,
    LinkFilter,
    NumberFilter,
    OpenedByFilter,
    PersonFilter,
    SeverityFilter,
    StatusFilter,
    SystemFilter,
    optional,
)

_DEEPEST = 8
_MOST_TERMS = 100
_MOST_VALUES = 100
_SYSTEM_PREFIX = "sys"
#: Conditions on people, and what these do to an incident.
_NAMING = {"opened_by": "opened", "lead": "leads", "assignee": "takes part in"}
_ASKS_FOR_RESOLVED = {Field.STATUS, Field.OPEN, Field.RESOLVED_AT}


@strawberry.input
class _IncidentConditions:
    status: StatusFilter | None = optional("By status.")
    severity: SeverityFilter | None = optional("By severity.")
    number: NumberFilter | None = optional("By number.")
    open: bool | None = optional("Whether it is open.")
    acknowledged: bool | None = optional("Whether it is acknowledged.")
    system: SystemFilter | None = optional("By its systems.")
    label: LabelFilter | None = optional("By a label; name several under `and` or `or`.")
    lead: PersonFilter | None = optional("By the person who leads; FORBIDDEN for callers below RESPONDER.")
    assignee: PersonFilter | None = optional(
        "By the people who take part: one of them matches; FORBIDDEN for callers below RESPONDER."
    )
    opened_by: OpenedByFilter | None = optional("By the actor that opened it; FORBIDDEN for callers below RESPONDER.")
    occurred_at: DateTimeFilter | None = optional("By the time when it began.")
    created_at: DateTimeFilter | None = optional("By the time when it was opened.")
    updated_at: DateTimeFilter | None = optional("By the time of its last change.")
    resolved_at: DateTimeFilter | None = optional("By the time when it was resolved.")


@strawberry.input(description="A filter of incidents. All given conditions must hold.")
class IncidentFilter(_IncidentConditions):
    and_: Optional[list["IncidentFilter"]] = optional("All of these hold.", name="and")  # noqa: UP045
    or_: Optional[list["IncidentFilter"]] = optional("At least one of these holds.", name="or")  # noqa: UP045
    not_: Optional["IncidentFilter"] = optional("This does not hold.", name="not")
    text: str | None = optional(
        "Words that must all occur in its title, description, visible timeline or reference. The last one may be the "
        "beginning of a word. `50` also finds INC-50. Case and accents make no difference, and an emoji is a word. In "
        "scripts without spaces any sequence of characters is found. A text without a word, such as `?`, finds "
        "nothing. At most 32 words in the whole filter and 1,000 characters."
    )
    link: LinkFilter | None = optional("By its links.")
    dedupe_key: DedupeKeyFilter | None = optional("By its dedupe key.")
    include_resolved: bool | None = optional(
        "Whether resolved incidents are shown; they are, too, where status, open or resolvedAt ask for them. Only at "
        "the top of a filter."
    )


@strawberry.input(
    description="A filter of events by their incident, before or after them. All given conditions must hold."
)
class IncidentEventFilter(_IncidentConditions):
    and_: Optional[list["IncidentEventFilter"]] = optional("All of these hold.", name="and")  # noqa: UP045
    or_: Optional[list["IncidentEventFilter"]] = optional("At least one of these holds.", name="or")  # noqa: UP045
    not_: Optional["IncidentEventFilter"] = optional("This does not hold.", name="not")


AnyFilter = IncidentFilter | IncidentEventFilter

_COMPARED = {
    "status": Field.STATUS,
    "severity": Field.SEVERITY,
    "number": Field.NUMBER,
    "occurred_at": Field.OCCURRED_AT,
    "created_at": Field.CREATED_AT,
    "updated_at": Field.UPDATED_AT,
    "resolved_at": Field.RESOLVED_AT,
}


async def filter_tree(context: Context, given: AnyFilter | UnsetType | None) -> Filter:
    """Return the domain's filter for a caller's, with ids in the place of systems' keys.

    Raises what `lasting_filter` does.
    """
    return (await lasting_filter(context, given))[0]


async def lasting_filter(context: Context, given: AnyFilter | UnsetType | None) -> tuple[Filter, NamedSystems]:
    """Return the domain's filter for a caller's, and the systems that it names by key, for those who go on with it.

    The log has systems that were deleted since: in a filter of the log, a key stands for its former systems as well.

    Raises:
        ForbiddenError: it asks for something that the caller may not see, and could find out by asking.
        InvalidInputError: it is nested too deeply, too large, has an empty list, or searches for too many words.
        UnknownSystemError: a key names no system; an id that names none just matches nothing.
    """
    if given is None or isinstance(given, UnsetType):
        return EVERYTHING, NO_SYSTEMS
    parts = _checked(given, context.audience)
    since = context.domain.events.last_read
    found = await _systems_of(context, given, sorted(parts.references)) if parts.references else {}
    for reference in parts.references:
        if reference not in found and not is_id(reference, _SYSTEM_PREFIX):
            raise UnknownSystemError(reference, field=["filter", "system", "in"])
    return _tree(given, found), NamedSystems.of(found, since=since)


def tree_with_keys(given: AnyFilter | UnsetType | None, audience: Audience) -> Filter:
    """Return what `filter_tree` does, without a read: systems' keys are left in the place of their ids.

    Raises:
        ForbiddenError: it asks for something that the caller may not see, and could find out by asking.
        InvalidInputError: it is nested too deeply, too large, has an empty list, or searches for too many words.
    """
    if given is None or isinstance(given, UnsetType):
        return EVERYTHING
    _checked(given, audience)
    return _tree(given, {})


def _checked(given: AnyFilter, audience: Audience) -> "_Parts":
    parts = _Parts(sees_identities=audience.sees_identities)
    parts.collect(given, depth=1)
    check_search(parts.texts)
    return parts


async def _systems_of(context: Context, given: AnyFilter, references: Sequence[str]) -> Mapping[str, Sequence[str]]:
    if isinstance(given, IncidentEventFilter):
        return await context.domain.reads.system_ids_ever(references)
    # By the loader: each system in a list may have the same filter of its incidents.
    found = await context.loaders.references.load_many(references)
    return {reference: [each] for reference, each in zip(references, found, strict=True) if each is not None}


def hide_resolved(given: IncidentFilter | UnsetType | None, tree: Filter, *, usually: bool = True) -> Filter:
    """Return the filter of a list, which hides resolved incidents unless it asks for them.

    One that does not usually hide them does so where the filter says that they are not included.
    """
    included = given.include_resolved if isinstance(given, IncidentFilter) else None
    hidden = usually if included is None or isinstance(included, UnsetType) else not included
    return AllOf((tree, ONLY_OPEN)) if hidden and not fields_of(tree) & _ASKS_FOR_RESOLVED else tree


class _Parts:
    """A walk of a filter that bounds it and collects the systems and texts in it."""

    def __init__(self, *, sees_identities: bool) -> None:
        self.references: set[str] = set()
        self.texts: list[str] = []
        self._sees_identities = sees_identities
        self._terms = 0

    def collect(self, given: AnyFilter, *, depth: int) -> None:
        self._terms += 1
        if depth > _DEEPEST or self._terms > _MOST_TERMS:
            raise InvalidInputError(
                f"A filter may be nested {_DEEPEST} deep and have {_MOST_TERMS} parts.", field=["filter"]
            )
        for name, comparison in _given(given):
            if name in _NAMING and not self._sees_identities:
                raise ForbiddenError(
                    f"Who {_NAMING[name]} an incident can be asked for by responders and admins.",
                    field=["filter", to_camel(name)],
                )
            _check_lists(name, comparison)
            if name == "system":
                self.references.update(comparison.in_)
            if name == "text":
                self.texts.append(comparison)
            children = comparison if name in {"and_", "or_"} else [comparison] if name == "not_" else []
            for child in children:
                self.collect(child, depth=depth + 1)


def _given(item: Any) -> Iterator[tuple[str, Any]]:
    for name, value in vars(item).items():
        if value is not None and not isinstance(value, UnsetType):
            yield name, value


def _check_lists(name: str, comparison: Any) -> None:
    for value in _lists(name, comparison):
        if not 1 <= len(value) <= _MOST_VALUES:
            place = ["filter", to_camel(name.strip("_"))]
            raise InvalidInputError(f"A list in a filter has 1 to {_MOST_VALUES} values.", field=place)


def _lists(name: str, comparison: Any) -> list[list[Any]]:
    if name in {"and_", "or_"}:
        return [comparison]
    if isinstance(comparison, str | bool) or name == "not_":
        return []
    return [value for _, value in _given(comparison) if isinstance(value, list)]


def _tree(given: AnyFilter, systems: Mapping[str, Sequence[str]]) -> Filter:
    return AllOf(tuple(_part(name, value, systems) for name, value in _given(given) if name != "include_resolved"))


def _part(name: str, value: Any, systems: Mapping[str, Sequence[str]]) -> Filter:  # noqa: PLR0911 - a case each
    match name:
        case "and_" | "or_":
            parts = tuple(_tree(part, systems) for part in value)
            return AllOf(parts) if name == "and_" else AnyOf(parts)
        case "not_":
            return Not(_tree(value, systems))
        case "system":
            ids = tuple(found for reference in value.in_ for found in systems.get(reference, [reference]))
            return Term(Field.SYSTEM, Operator.IN, ids)
        case "label":
            return _label(value)
        case "opened_by" | "link" | "dedupe_key":
            return _one_of(Field(name), value.in_)
        case "lead" | "assignee":
            return AllOf(tuple(_person(Field(name), how, operand) for how, operand in _given(value)))
        case "open" | "acknowledged" | "text":
            return Term(Field(name), Operator.EQ, value)
        case _:
            return AllOf(tuple(_comparison(_COMPARED[name], how, operand) for how, operand in _given(value)))


def _one_of(field: Field, values: Sequence[str]) -> Term:
    return Term(field, Operator.IN, tuple(map(digest_of, values) if field is Field.LINK else values))


def _person(field: Field, how: str, operand: Any) -> Term:
    if how == "exists":
        return Term(field, Operator.EQ, operand)
    return Term(field, Operator.IN, (operand,) if how == "eq" else tuple(operand))


def _label(given: LabelFilter) -> Filter:
    compared = [[value] if how == "eq" else value for how, value in _given(given) if how != "key"]
    return AllOf(tuple(Term(Field.LABEL, Operator.IN, (given.key, *values)) for values in compared or [()]))


def _comparison(field: Field, how: str, operand: Any) -> Filter:
    if how == "in_":
        return Term(field, Operator.IN, tuple(operand))
    if how == "not_in":
        return Not(Term(field, Operator.IN, tuple(operand)))
    return Term(field, Operator(how), operand)
