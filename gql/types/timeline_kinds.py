"""The argument of timelines that says which kinds of items they have."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import strawberry
from strawberry.types.unset import UnsetType

from domain.errors import InvalidInputError
from domain.model.paging import Among
from domain.model.timeline_item import TimelineKind
from gql.types.enums import IncidentTimelineKind

Kinds = Annotated[
    list[IncidentTimelineKind] | None, strawberry.argument(description="Only items of these kinds; by default of all.")
]


def kinds_of(asked: Sequence[TimelineKind] | UnsetType | None) -> tuple[TimelineKind, ...]:
    """Return the kinds that a timeline is filtered by; none for all.

    Raises:
        InvalidInputError: the list is empty, which would never match.
    """
    if asked is None or isinstance(asked, UnsetType):
        return ()
    if not asked:
        raise InvalidInputError("Name at least one kind, or leave it out for all.", field=["kinds"])
    return tuple(dict.fromkeys(asked))


def with_kinds(arguments: Mapping[str, Any]) -> Among:
    """Return the kinds that a timeline has, from its arguments."""
    kinds = kinds_of(arguments.get("kinds"))
    return (("kind", kinds),) if kinds else ()
