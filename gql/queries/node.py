"""Finding anything by its id."""

from collections.abc import Awaitable, Callable
from typing import Annotated

import strawberry

from domain.entities.incident import KIND
from domain.errors import InvalidInputError
from domain.ids import prefix_of
from gql.context import Context, Info
from gql.types.enums import Role
from gql.types.event import IncidentChange
from gql.types.incident import Incident, System
from gql.types.node import Node
from gql.types.secret import Secret
from gql.types.timeline import IncidentLink, IncidentUpdate
from gql.types.token import ApiToken

_MOST_IDS = 100


@strawberry.type
class NodeQueries:
    @strawberry.field(description="Whatever has that id; null where there is nothing that the caller may see.")
    async def node(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="The id.")]
    ) -> Node | None:
        return (await _nodes(info.context, [id]))[0]

    @strawberry.field(
        description="Whatever has these ids, in their order, 100 at most; null for each that has nothing."
    )
    async def nodes(
        self, info: Info, ids: Annotated[list[strawberry.ID], strawberry.argument(description="The ids.")]
    ) -> list[Node | None]:
        if len(ids) > _MOST_IDS:
            raise InvalidInputError(f"Name at most {_MOST_IDS} ids.", field=["ids"])
        return await _nodes(info.context, ids)


async def _nodes(context: Context, ids: list[strawberry.ID]) -> list[Node | None]:
    """One read per kind, however many ids there are."""
    found: dict[str, Node] = {}
    for prefix, read in _READERS.items():
        wanted = [str(identifier) for identifier in ids if prefix_of(identifier) == prefix]
        if wanted:
            found |= await read(context, wanted)
    return [found.get(identifier) for identifier in ids]


async def _incidents(context: Context, ids: list[str]) -> dict[str, Node]:
    found = await context.loaders.incidents.load_many(ids)
    return {incident.id: Incident.of(incident) for incident in found if incident is not None}


async def _systems(context: Context, ids: list[str]) -> dict[str, Node]:
    found = await context.loaders.systems.load_many(ids)
    return {system.id: System.of(system) for system in found if system is not None}


async def _updates(context: Context, ids: list[str]) -> dict[str, Node]:
    found = await context.domain.reads.updates(ids)
    return {entry.id: IncidentUpdate.of(entry) for entry in found.values() if context.audience.sees(entry.visibility)}


async def _links(context: Context, ids: list[str]) -> dict[str, Node]:
    found = await context.domain.reads.links(ids)
    return {link.id: IncidentLink.of(link) for link in found.values() if context.audience.sees(link.visibility)}


async def _changes(context: Context, ids: list[str]) -> dict[str, Node]:
    found = await context.domain.reads.changes(ids)
    return {
        change.id: IncidentChange.of(change, context)
        for change in found.values()
        if change.kind == KIND and change.concerns(context.audience)
    }


async def _tokens(context: Context, ids: list[str]) -> dict[str, Node]:
    if not context.viewer.role.includes(Role.ADMIN):
        return {}
    found = await context.domain.reads.tokens(ids)
    return {token.id: ApiToken.of(token) for token in found.values()}


async def _secrets(context: Context, ids: list[str]) -> dict[str, Node]:
    if not context.viewer.role.includes(Role.ADMIN):
        return {}
    found = await context.domain.reads.secrets(ids)
    return {secret.id: Secret.of(secret) for secret in found.values()}


_READERS: dict[str, Callable[[Context, list[str]], Awaitable[dict[str, Node]]]] = {
    "inc": _incidents,
    "sys": _systems,
    "upd": _updates,
    "lnk": _links,
    "chg": _changes,
    "tok": _tokens,
    "sec": _secrets,
}
