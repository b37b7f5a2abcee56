"""The party that acted, which stands in three columns of what it did."""

from collections.abc import Callable

from domain.model.actor import Actor, ActorType
from domain.model.selection import Field, Shape
from domain.model.viewer import Audience


def _id_for(audience: Audience) -> Callable[[str], str | None]:
    return (lambda known: known) if audience.sees_identities else (lambda _: None)


def _name_for(audience: Audience) -> Callable[[str, str, str | None], str | None]:
    if audience.sees_identities:
        return lambda _type, _id, name: name
    return lambda type_, id_, name: Actor(type=ActorType(type_), id=id_, name=name).display_name


ACTOR = Shape(
    fields={
        "type": Field(("type",)),
        "id": Field(("id",), make=_id_for),
        "name": Field(("type", "id", "name"), make=_name_for),
    }
)
