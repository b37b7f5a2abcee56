"""The filter of the audit log."""

from datetime import datetime

import strawberry
from strawberry.types.unset import UnsetType

from domain.errors import InvalidInputError
from domain.model.audit import AuditFilter
from gql.inputs.given import value_or_none
from gql.types.audit_enums import AuditKind


@strawberry.input(description="Conditions on entries of the audit log, all of which have to hold.")
class AuditLogFilter:
    kinds: list[AuditKind] | None = strawberry.field(
        default=strawberry.UNSET, description="Only changes of these kinds of things."
    )
    actor: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="Only what the actor of this id did."
    )
    object_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="Only changes of what has this id; of a setting its name."
    )
    since: datetime | None = strawberry.field(default=strawberry.UNSET, description="Only from this moment on.")
    until: datetime | None = strawberry.field(default=strawberry.UNSET, description="Only before this moment.")


def audit_filter(given: AuditLogFilter | UnsetType | None) -> AuditFilter:
    """Return the domain's filter for a caller's.

    Raises:
        InvalidInputError: the list of kinds is empty, which would never match.
    """
    if given is None or isinstance(given, UnsetType):
        return AuditFilter()
    kinds = value_or_none(given.kinds)
    if kinds is not None and not kinds:
        raise InvalidInputError("Name at least one kind, or leave it out for all.", field=["filter", "kinds"])
    return AuditFilter(
        kinds=tuple(dict.fromkeys(kinds or ())),
        actor_id=value_or_none(given.actor),
        object_id=value_or_none(given.object_id),
        since=value_or_none(given.since),
        until=value_or_none(given.until),
    )
