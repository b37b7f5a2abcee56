"""Subscriptions about systems."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Annotated

import strawberry
from strawberry.types.unset import UnsetType

from domain.errors import InvalidInputError, UnknownSystemError
from domain.model.naming import NamedSystems
from domain.services.events import HealthWatch
from gql.context import Context, Info
from gql.inputs.given import value_or_none
from gql.permissions import READ
from gql.subscriptions.following import After, given
from gql.types.health_event import SystemHealthChange

_MOST_SYSTEMS = 100


@strawberry.type
class SystemSubscriptions:
    @strawberry.subscription(
        permission_classes=READ,
        description=(
            "Every change of systems' health from now on, or behind `after`: a report with another health or message, "
            "and a change of an incident by which the worst of reports and open incidents is another one."
        ),
    )
    async def system_health(
        self,
        info: Info,
        systems: Annotated[
            list[strawberry.ID] | None,
            strawberry.argument(description="Only these systems, 1 to 100, by id or key; by default all."),
        ] = strawberry.UNSET,
        after: After = strawberry.UNSET,
    ) -> AsyncGenerator[SystemHealthChange, None]:
        context = info.context
        since = context.domain.events.last_read
        found = await _systems_of(context, systems)
        watch = (
            HealthWatch(systems=None)
            if found is None
            else HealthWatch(systems=frozenset(found.values()), named=_named(found, since))
        )
        source = context.events
        position = await source.start(given(after))
        async with aclosing(source.follow(watch, position)) as changes:
            async for change in changes:
                context.at_event(change.seq)
                yield SystemHealthChange.of(change, watch.steps_of(change), context)


async def _systems_of(context: Context, systems: list[strawberry.ID] | UnsetType | None) -> Mapping[str, str] | None:
    references = value_or_none(systems)
    if references is None:
        return None
    if not 1 <= len(references) <= _MOST_SYSTEMS:
        raise InvalidInputError(f"Name 1 to {_MOST_SYSTEMS} systems, or leave it out for all.", field=["systems"])
    found = await context.domain.reads.system_ids(references)
    for reference in references:
        if reference not in found:
            raise UnknownSystemError(reference, field=["systems"])
    return found


def _named(found: Mapping[str, str], since: int) -> NamedSystems:
    return NamedSystems.of({reference: [each] for reference, each in found.items()}, since=since)
