"""Finding anything by its id."""

import re
from collections.abc import Awaitable, Callable
from typing import Annotated

import strawberry

from domain.entities.incident import KIND
from domain.errors import InvalidInputError
from domain.ids import prefix_of
from gql.context import Context, Info
from gql.types.automation import Automation, AutomationRun, AutomationVersion
from gql.types.enums import Role, Visibility
from gql.types.event import IncidentChange
from gql.types.incident import Incident, System
from gql.types.node import Node
from gql.types.run import Artifact
from gql.types.secret import Secret
from gql.types.timeline import IncidentLink, IncidentUpdate
from gql.types.token import ApiToken

_MOST_IDS = 100
#: The number of a version, as long as databases can count.
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")


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
        wanted = [str(identifier) for identifier in ids if _prefix_of(identifier) == prefix]
        if wanted:
            found |= await read(context, wanted)
    return [found.get(identifier) for identifier in ids]


def _prefix_of(identifier: str) -> str | None:
    """The prefix of an id; that of a version, which is its automation's with a number behind it, has a colon."""
    owner, colon, number = identifier.partition(":")
    if not colon:
        return prefix_of(identifier)
    return f"{prefix_of(owner)}:" if _NUMBER.fullmatch(number) else None


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


async def _automations(context: Context, ids: list[str]) -> dict[str, Node]:
    if not context.audience.sees(Visibility.INTERNAL):
        return {}
    found = await context.loaders.automations.automations.load_many(ids)
    return {automation.id: Automation.of(automation) for automation in found if automation is not None}


async def _versions(context: Context, ids: list[str]) -> dict[str, Node]:
    if not context.audience.sees(Visibility.INTERNAL):
        return {}
    keys = [(owner, int(number)) for owner, _, number in (identifier.partition(":") for identifier in ids)]
    found = await context.domain.automations.reads.versions(keys)
    return {version.id: AutomationVersion.of(version) for version in found.values()}


async def _runs(context: Context, ids: list[str]) -> dict[str, Node]:
    if not context.audience.sees(Visibility.INTERNAL):
        return {}
    found = await context.loaders.automations.runs.load_many(ids)
    return {run.id: AutomationRun.of(run) for run in found if run is not None}


async def _artifacts(context: Context, ids: list[str]) -> dict[str, Node]:
    if not context.audience.sees(Visibility.INTERNAL):
        return {}
    found = await context.domain.automations.reads.artifacts(ids)
    return {artifact.id: Artifact.of(artifact) for artifact in found.values()}


_READERS: dict[str, Callable[[Context, list[str]], Awaitable[dict[str, Node]]]] = {
    "inc": _incidents,
    "sys": _systems,
    "upd": _updates,
    "lnk": _links,
    "chg": _changes,
    "tok": _tokens,
    "sec": _secrets,
    "aut": _automations,
    "aut:": _versions,
    "run": _runs,
    "art": _artifacts,
}
