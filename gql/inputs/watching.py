"""Translation of event types to the trigger events in the log."""

from collections.abc import Sequence

from strawberry.types.unset import UnsetType

from domain.entities.incident import CREATED, RESOLVED, UPDATED
from domain.errors import InvalidInputError
from gql.types.enums import IncidentEventType

#: The description of an argument of types.
TYPES = "Only these events; by default CREATED, UPDATED and RESOLVED."


def events_of(types: Sequence[IncidentEventType] | UnsetType | None) -> tuple[str, ...]:
    """Return the trigger events of these types; by default those of an incident's reactive state.

    Raises:
        InvalidInputError: the list is empty, which would never match.
    """
    if types is None or isinstance(types, UnsetType):
        return (CREATED, UPDATED, RESOLVED)
    if not types:
        raise InvalidInputError("Name at least one type, or leave it out for the default.", field=["types"])
    return tuple(dict.fromkeys(kind.value for kind in types))
