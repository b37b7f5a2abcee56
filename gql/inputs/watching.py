"""Translation of event types to the actions in the log."""

from collections.abc import Sequence

from strawberry.types.unset import UnsetType

from domain.errors import InvalidInputError
from gql.types.enums import ChangeAction, IncidentEventType


def actions_of(types: Sequence[IncidentEventType] | UnsetType | None) -> tuple[ChangeAction, ...] | None:
    """Return the actions behind these events; None for all.

    Raises:
        InvalidInputError: the list is empty, which would never match.
    """
    if types is None or isinstance(types, UnsetType):
        return None
    if not types:
        raise InvalidInputError("Name at least one type, or leave it out for all.", field=["types"])
    return tuple(dict.fromkeys(ChangeAction[kind.name] for kind in types))
