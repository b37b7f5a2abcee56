"""The caller as a row, which takes no read."""

from typing import Any

from domain.model.moment import iso
from domain.model.selection import Field, Shape
from domain.model.viewer import Viewer

#: The order of a caller's values.
CALLER_COLUMNS = ("actor_type", "actor_id", "actor_name", "role", "visibilities", "expires_at")
#: The fields of a caller. Unlike other actors, everybody sees who they are themselves.
CALLER_SHAPE = Shape(
    fields={name: Field((name,)) for name in ("role", "visibilities", "expires_at")},
    parts={"actor": Shape(fields={name: Field((name,)) for name in ("type", "id", "name")})},
)


def values_of(viewer: Viewer) -> tuple[Any, ...]:
    """Return a caller's values as a row has them."""
    return (
        viewer.actor.type.value,
        viewer.actor.id,
        viewer.actor.name,
        viewer.role.value,
        [visibility.name for visibility in viewer.audience.visibilities],
        None if viewer.expires_at is None else iso(viewer.expires_at),
    )
