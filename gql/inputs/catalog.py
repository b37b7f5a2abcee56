"""The filter of systems and its translation to the domain's."""

from collections.abc import Sequence
from typing import Any, TypeVar

import strawberry
from strawberry.types.unset import UnsetType

from domain.errors import InvalidInputError
from domain.model.incident import Health as EveryHealth
from domain.model.system import ALL_SYSTEMS, CatalogFilter
from domain.model.words import check_search
from gql.inputs.given import value_or_none
from gql.types.enums import Health

_MOST_VALUES = 100
_Value = TypeVar("_Value", str, EveryHealth)


def _optional(description: str, name: str | None = None) -> Any:
    return strawberry.field(default=strawberry.UNSET, description=description, name=name)


@strawberry.input(description="Compares a text, letter by letter. All given conditions must hold.")
class ExactTextFilter:
    eq: str | None = _optional("It is this one.")
    in_: list[str] | None = _optional("It is one of these, at most 100.", name="in")


@strawberry.input(description="Compares a health. All given conditions must hold.")
class HealthFilter:
    eq: Health | None = _optional("It is this one.")
    in_: list[Health] | None = _optional("It is one of these.", name="in")
    not_in: list[Health] | None = _optional("It is none of these.")


@strawberry.input(description="A filter of the catalog of systems. All given conditions must hold.")
class SystemCatalogFilter:
    key: ExactTextFilter | None = _optional("By key.")
    name: ExactTextFilter | None = _optional("By display name.")
    health: HealthFilter | None = _optional(
        "By the worst of the reported health and the overrides of open incidents; without either it is HEALTHY."
    )
    text: str | None = _optional(
        "Words that must all occur in its key, name or description. The last one may be the beginning of a word. Case "
        "and accents make no difference. In scripts without spaces any sequence of characters is found. A text "
        "without a word, such as `?`, finds nothing. At most 32 words and 1,000 characters."
    )


def catalog_filter(given: SystemCatalogFilter | UnsetType | None) -> CatalogFilter:
    """Return the domain's filter for a caller's.

    Raises:
        InvalidInputError: a list in it is empty or too long, or it searches for too many words.
    """
    if given is None or isinstance(given, UnsetType):
        return ALL_SYSTEMS
    text = value_or_none(given.text)
    if text is not None:
        check_search([text])
    return CatalogFilter(
        keys=_texts(given.key, "key"),
        names=_texts(given.name, "name"),
        health=_health(given.health),
        text=text,
    )


def _texts(given: ExactTextFilter | UnsetType | None, place: str) -> frozenset[str] | None:
    comparison = value_or_none(given)
    if comparison is None:
        return None
    return _allowed(value_or_none(comparison.eq), value_or_none(comparison.in_), place)


def _health(given: HealthFilter | UnsetType | None) -> frozenset[EveryHealth] | None:
    comparison = value_or_none(given)
    if comparison is None:
        return None
    allowed = _allowed(value_or_none(comparison.eq), value_or_none(comparison.in_), "health")
    excluded = _checked(value_or_none(comparison.not_in), "health")
    if excluded is None:
        return allowed
    return (frozenset(EveryHealth) if allowed is None else allowed) - set(excluded)


def _allowed(one: _Value | None, several: Sequence[_Value] | None, place: str) -> frozenset[_Value] | None:
    """Return the values that both conditions allow; None where neither is given."""
    given = [values for values in (None if one is None else [one], _checked(several, place)) if values is not None]
    return frozenset(given[0]).intersection(*given[1:]) if given else None


def _checked(values: Sequence[_Value] | None, place: str) -> Sequence[_Value] | None:
    if values is not None and not 1 <= len(values) <= _MOST_VALUES:
        raise InvalidInputError(f"A list in a filter has 1 to {_MOST_VALUES} values.", field=["filter", place])
    return values
