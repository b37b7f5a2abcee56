"""The conversion of models that span several columns."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from domain.model.actor import Actor, ActorType


def actor_columns(prefix: str, actor: Actor | None) -> dict[str, Any]:
    """Return the three columns of an actor under that prefix; all are null without one."""
    values = (None, None, None) if actor is None else (actor.type, actor.id, actor.name)
    return dict(zip((f"{prefix}_type", f"{prefix}_id", f"{prefix}_name"), values, strict=True))


def actor_of(prefix: str, row: Mapping[str, Any] | sa.RowMapping) -> Actor:
    """Return the actor in the three columns under that prefix."""
    return Actor(type=ActorType(row[f"{prefix}_type"]), id=row[f"{prefix}_id"], name=row[f"{prefix}_name"])


def actor_or_none(prefix: str, row: Mapping[str, Any] | sa.RowMapping) -> Actor | None:
    """Return the actor in the three columns under that prefix; None where they are null."""
    return None if row[f"{prefix}_id"] is None else actor_of(prefix, row)
