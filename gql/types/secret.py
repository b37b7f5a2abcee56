"""Secrets of automations."""

from datetime import datetime
from typing import Self

import strawberry

from domain.model import secret as model
from gql.types.actor import Actor
from gql.types.copying import copied
from gql.types.node import Node


@strawberry.type(description="A secret of automations. Its value cannot be read: there is no field for it.")
class Secret(Node):
    name: str = strawberry.field(description="Its name in automations: `${{ secrets.NAME }}`.")
    created_at: datetime = strawberry.field(description="When it was created.")
    updated_at: datetime = strawberry.field(description="When its value was last set.")
    created_by: Actor = strawberry.field(description="The actor that created it.")

    @classmethod
    def of(cls, secret: model.Secret) -> Self:
        return copied(cls, secret, created_by=Actor.of(secret.created_by))
