"""Subscriptions about incidents."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

import strawberry

from domain.services.events import Watch
from gql.context import Context, Info
from gql.inputs.filters import IncidentEventFilter, lasting_filter
from gql.inputs.watching import TYPES, events_of
from gql.permissions import READ
from gql.subscriptions.following import After, given, states
from gql.types.change import IncidentChange
from gql.types.enums import IncidentEventType
from gql.types.event import IncidentEvent
from gql.types.incident import Incident

EventFilter = Annotated[
    IncidentEventFilter | None,
    strawberry.argument(description="Only events of incidents that match before or after them."),
]


@strawberry.type
class IncidentSubscriptions:
    @strawberry.subscription(
        permission_classes=READ,
        description="The trigger events of incidents, each once and in order. `extensions.cursor` has the position.",
    )
    async def incident_events(
        self,
        info: Info,
        types: Annotated[
            list[IncidentEventType] | None,
            strawberry.argument(description=TYPES),
        ] = strawberry.UNSET,
        filter: EventFilter = strawberry.UNSET,
        after: After = strawberry.UNSET,
    ) -> AsyncGenerator[IncidentEvent, None]:
        context = info.context
        tree, named = await lasting_filter(context, filter)
        watch = Watch(audience=context.audience, tree=tree, named=named, events=events_of(types))
        source = context.events
        position = await source.start(given(after))
        async with aclosing(source.follow(watch, position)) as changes:
            async for change in changes:
                context.at_event(change.seq)
                yield IncidentEvent.of(change, context)

    @strawberry.subscription(
        permission_classes=READ,
        description="Every committed change of incidents, including comments, links, titles and deletions.",
    )
    async def incident_changes(
        self, info: Info, filter: EventFilter = strawberry.UNSET, after: After = strawberry.UNSET
    ) -> AsyncGenerator[IncidentChange, None]:
        context = info.context
        tree, named = await lasting_filter(context, filter)
        watch = Watch(audience=context.audience, tree=tree, named=named)
        source = context.events
        position = await source.start(given(after))
        async with aclosing(source.follow(watch, position)) as changes:
            async for change in changes:
                context.at_event(change.seq)
                yield IncidentChange.of(change, context)

    @strawberry.subscription(
        permission_classes=READ,
        description=(
            "The incident as it is, then again after every change of it, and after a person was forgotten. Once it is "
            "deleted, null comes and the subscription ends. With `after`, its present state comes first only if it "
            "changed since."
        ),
    )
    async def incident(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="Its id.")],
        after: After = strawberry.UNSET,
    ) -> AsyncGenerator[Incident | None, None]:
        context = info.context
        following = states(
            context,
            Watch(audience=context.audience, entity_id=id, follows_erasures=True),
            given(after),
            noun="Incident",
            read=lambda: _present(context, id),
            is_over=lambda _: False,
        )
        async with aclosing(following) as incidents:
            async for incident in incidents:
                yield incident


async def _present(context: Context, incident_id: str) -> Incident | None:
    found = await context.loaders.incidents.load(incident_id)
    return Incident.of(found) if found else None
