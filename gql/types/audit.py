"""The audit log."""

from datetime import datetime
from typing import Self

import strawberry
from pydantic.alias_generators import to_camel
from strawberry.scalars import JSON

from domain.model import audit as model
from gql.types.actor import Actor
from gql.types.audit_enums import AuditAction, AuditKind
from gql.types.node import Node


@strawberry.type(description="A field that was changed.")
class AuditedField:
    field: str = strawberry.field(description="The field, such as `role`; of a setting it is `value`.")
    before: JSON | None = strawberry.field(description="Its value before; null for none, and where `isShown` is false.")
    after: JSON | None = strawberry.field(description="Its value after; null for none, and where `isShown` is false.")
    is_shown: bool = strawberry.field(
        description="Whether its values are shown: secrets, addresses and long texts are not."
    )

    @classmethod
    def of(cls, change: model.FieldChange) -> Self:
        return cls(
            field=to_camel(change.field),
            before=None if change.before is None else JSON(change.before),
            after=None if change.after is None else JSON(change.after),
            is_shown=change.is_shown,
        )


@strawberry.type(description="One change of a token, a secret or another setting: who, when and what.")
class AuditEntry(Node):
    occurred_at: datetime = strawberry.field(description="When it was changed.")
    actor: Actor = strawberry.field(description="Who changed it; the system where a server or its command line did.")
    token_id: strawberry.ID | None = strawberry.field(
        description="The id of the API token with which they did; null for people who sign in, and for the system."
    )
    kind: AuditKind = strawberry.field(description="The kind of what was changed.")
    action: AuditAction = strawberry.field(description="The change.")
    object_id: strawberry.ID = strawberry.field(description="The id of what was changed; of a setting its name.")
    object_name: str | None = strawberry.field(description="Its name at that time; null where it has none.")
    changes: list[AuditedField] = strawberry.field(
        description="The fields that were changed, or set at its creation; none of what was deleted."
    )

    @classmethod
    def of(cls, entry: model.AuditEntry) -> Self:
        return cls(
            id=strawberry.ID(entry.id),
            occurred_at=entry.occurred_at,
            actor=Actor.of(entry.actor),
            token_id=None if entry.token_id is None else strawberry.ID(entry.token_id),
            kind=entry.kind,
            action=entry.action,
            object_id=strawberry.ID(entry.object_id),
            object_name=entry.object_name,
            changes=[AuditedField.of(change) for change in entry.changes],
        )
