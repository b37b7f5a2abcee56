"""The conversion of models that span several columns."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from domain.model.actor import Actor, ActorType


def actor_columns(prefix: str, actor: Actor) -> dict[str, Any]:
    """Return the three columns of an actor under that prefix."""
    return {f"{prefix}_type": actor.type, f"{prefix}_id": actor.id, f"{prefix}_name": actor.name}


def actor_of(prefix: str, row: Mapping[str, Any] | sa.RowMapping) -> Actor:
    """Return the actor in the three columns under that prefix."""
    return Actor(type=ActorType(row[f"{prefix}_type"]), id=row[f"{prefix}_id"], name=row[f"{prefix}_name"])
