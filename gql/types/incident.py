"""Incidents and their relations to others."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Optional, Self

import strawberry

from domain.model import incident as model
from domain.model import relation as relation_model
from domain.model.place import Place
from domain.model.positions import item_position, link_position, update_position
from gql.compiled.declarations import LIST, made_by, pages, shown_by
from gql.context import Info
from gql.pagination import After, Before, Connection, First, Last, PageArguments, connection, cursor_maker
from gql.types import change as changes
from gql.types import system as catalog
from gql.types.actor import Actor
from gql.types.automation import AutomationRun
from gql.types.copying import copied
from gql.types.enums import (
    ActorType,
    HealthOverride,
    IncidentField,
    IncidentRelationType,
    Severity,
    Status,
    Visibility,
)
from gql.types.label import IncidentLabel
from gql.types.link import IncidentLink
from gql.types.markdown import HTML, html_or_none
from gql.types.node import Node
from gql.types.person import Person
from gql.types.timeline import IncidentUpdate
from gql.types.timeline_item import IncidentTimelineItem
from gql.types.timeline_kinds import Kinds, kinds_of, with_kinds
from gql.types.transition import IncidentTransition

_UPDATES, _LINKS, _RELATIONS, _HISTORY, _TIMELINE = "updates", "links", "relations", "history", "timeline"
Affected = Annotated["System", strawberry.lazy("gql.types.system")]  # type: ignore[name-defined]  # noqa: F821 - both need each other


@strawberry.type(description="A relation of an incident to another, as one of them has it.")
class IncidentRelation(Node):
    type: IncidentRelationType = strawberry.field(description="What it says.")
    is_inverse: bool = strawberry.field(
        description="Whether it says that of the other incident: that one is a duplicate of this one, or caused by it."
    )
    created_at: datetime = strawberry.field(description="When they were related.")
    created_by: Actor = strawberry.field(description="The actor that related them.")
    related_id: strawberry.Private[str]

    @classmethod
    def of(cls, relation: relation_model.IncidentRelation) -> Self:
        return copied(cls, relation, created_by=Actor.of(relation.created_by))

    @strawberry.field(description="The other incident.", metadata=LIST)
    async def incident(self, info: Info) -> Optional["Incident"]:
        found = await info.context.loaders.incidents.load(self.related_id)
        return Incident.of(found) if found else None


@strawberry.type(description="An incident: a problem that systems have or had.")
class Incident(Node):
    number: int = strawberry.field(description="The number that people say.")
    reference: str = strawberry.field(
        description="The number with its prefix, such as `INC-42`.", resolver=made_by(model.reference_of, "number")
    )
    title: str = strawberry.field(description="Its title.")
    description: str | None = strawberry.field(description="A description in Markdown.")
    description_html: str | None = strawberry.field(
        description=HTML.format("description"), resolver=made_by(html_or_none, "description")
    )
    status: Status = strawberry.field(description="Its status.")
    severity: Severity = strawberry.field(description="Its severity.")
    suppress_notifications: bool = strawberry.field(
        description="Whether health notifications of its systems are silenced while it is open."
    )
    health_override: HealthOverride | None = strawberry.field(
        description="The health that it sets for its systems while it is open."
    )
    dedupe_key: str | None = strawberry.field(
        description=(
            "The key that limits deduplication to incidents with the same key; null for one that was deleted since the "
            "moment of the past that it is shown as of."
        )
    )
    version: int = strawberry.field(
        description=(
            "A number for `expectedVersion` that every change raises by one. Changes that the caller may not see "
            "count too: their content is hidden, but not that they happened."
        )
    )
    opened_by: Actor = strawberry.field(description="The actor that opened it.")
    occurred_at: datetime = strawberry.field(
        description="When it began. It was INVESTIGATING from then on, and nothing on its timeline is dated earlier."
    )
    created_at: datetime = strawberry.field(description="When it was opened here.")
    updated_at: datetime = strawberry.field(
        description="When it last changed. Changes that the caller may not see count too, as in `version`."
    )
    identified_at: datetime | None = strawberry.field(description="When its cause was last identified.")
    fixing_at: datetime | None = strawberry.field(description="When fixing last began.")
    monitoring_at: datetime | None = strawberry.field(description="When monitoring last began.")
    resolved_at: datetime | None = strawberry.field(description="When it was resolved; null while it is open.")
    acknowledged_at: datetime | None = strawberry.field(
        description="When it was acknowledged; null where nobody has done so since it was opened, or last reopened."
    )
    acknowledged_by: Actor | None = strawberry.field(description="The actor that acknowledged it.")
    snoozed_until: datetime | None = strawberry.field(description="Until when reminders are silenced, if they were.")
    lead: Person | None = strawberry.field(description="The person who leads the work on it.")
    assignees: list[Person] = strawberry.field(description="The people who take part, at most 20, ordered by id.")
    time_to_acknowledge_seconds: float | None = strawberry.field(
        description="From its beginning to its acknowledgement, in seconds; null without one."
    )
    time_to_resolve_seconds: float | None = strawberry.field(
        description="From its beginning to its resolution, in seconds; null while it is open."
    )
    labels: list[IncidentLabel] = strawberry.field(description="Its labels, at most 50, ordered by key.")
    system_ids: strawberry.Private[Sequence[str]]
    #: The place in the past that it is shown as of; None for the present.
    place: strawberry.Private[Place | None] = None

    @classmethod
    def of(cls, incident: model.Incident, place: Place | None = None) -> Self:
        acknowledged_by = incident.acknowledged_by
        return copied(
            cls,
            incident,
            opened_by=Actor.of(incident.opened_by),
            acknowledged_by=Actor.of(acknowledged_by) if acknowledged_by else None,
            lead=Person.of(incident.lead) if incident.lead else None,
            assignees=[Person.of(person) for person in incident.assignees],
            dedupe_key=incident.dedupe_key or None,
            labels=IncidentLabel.list_of(incident.labels),
            place=place,
        )

    @strawberry.field(
        description=(
            "The systems that it affects, at most 100, ordered by id. Of a moment of the past, the systems of then as "
            "they are now, without those that were deleted since."
        ),
        metadata=LIST,
    )
    async def systems(self, info: Info) -> list[Affected]:
        systems = await info.context.loaders.systems.load_many(self.system_ids)
        return [catalog.System.of(system) for system in systems if system is not None]

    @strawberry.field(
        description=(
            "Its timeline, newest first, as far as the caller may read it. Of a moment of the past, the entries that "
            "were there and are not deleted yet. Those that were edited since read as they did then to callers who may "
            "see earlier versions, and as they do now to others, if they could see them then."
        ),
        metadata=pages(_UPDATES),
    )
    async def updates(
        self,
        info: Info,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
    ) -> Connection[IncidentUpdate]:
        cursors, loaders = info.context.domain.reads.cursors, info.context.loaders.at(self.place)
        arguments = PageArguments(first=first, after=after, last=last, before=before)
        return connection(
            await loaders.updates.load((self.id, arguments.request(cursors, _UPDATES))),
            to_node=IncidentUpdate.of,
            cursor=cursor_maker(cursors, _UPDATES, update_position),
            count=lambda: loaders.update_counts.load(self.id),
        )

    @strawberry.field(
        description=(
            "Its links, oldest first, as far as the caller may read them. Of a moment of the past, those that were "
            "there and are not removed yet, as they are now."
        ),
        metadata=pages(_LINKS),
    )
    async def links(
        self,
        info: Info,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
    ) -> Connection[IncidentLink]:
        cursors, loaders = info.context.domain.reads.cursors, info.context.loaders.at(self.place)
        arguments = PageArguments(first=first, after=after, last=last, before=before)
        return connection(
            await loaders.links.load((self.id, arguments.request(cursors, _LINKS))),
            to_node=IncidentLink.of,
            cursor=cursor_maker(cursors, _LINKS, link_position),
            count=lambda: loaders.link_counts.load(self.id),
        )

    @strawberry.field(
        description=(
            "Its relations to other incidents, oldest first; each is shown on both. Of a moment of the past, they are "
            "those of now."
        ),
        metadata=pages(_RELATIONS),
    )
    async def relations(
        self,
        info: Info,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
    ) -> Connection[IncidentRelation]:
        cursors, loaders = info.context.domain.reads.cursors, info.context.loaders
        arguments = PageArguments(first=first, after=after, last=last, before=before)
        return connection(
            await loaders.relations.load((self.id, arguments.request(cursors, _RELATIONS))),
            to_node=IncidentRelation.of,
            cursor=cursor_maker(cursors, _RELATIONS, lambda relation: (relation.id,)),
            count=lambda: loaders.relation_counts.load(self.id),
        )

    @strawberry.field(
        description=(
            "The changes of its status, severity and systems, oldest first; of a moment of the past, up to it. None of "
            "an incident that was deleted since."
        ),
        metadata=pages(_HISTORY),
    )
    async def history(
        self,
        info: Info,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
    ) -> Connection[IncidentTransition]:
        cursors, loaders = info.context.domain.reads.cursors, info.context.loaders.at(self.place)
        arguments = PageArguments(first=first, after=after, last=last, before=before)
        return connection(
            await loaders.histories.load((self.id, arguments.request(cursors, _HISTORY))),
            to_node=IncidentTransition.of,
            cursor=cursor_maker(cursors, _HISTORY, lambda step: (step.id,)),
            count=lambda: loaders.history_counts.load(self.id),
        )

    @strawberry.field(
        description=(
            "All that happened to it in one list, oldest first, as far as the caller may read it: its entries and "
            "links by their dates, its changes of status, severity and systems, its relations, the actions of the runs "
            "that it started or that changed it, and, as far back as the log is kept, acknowledgements, assignments "
            "and snoozes. Of a moment of the past, it is that of now."
        ),
        metadata=pages(_TIMELINE, with_kinds),
    )
    async def timeline(
        self,
        info: Info,
        kinds: Kinds = strawberry.UNSET,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
    ) -> Connection[IncidentTimelineItem]:
        cursors, loaders = info.context.domain.reads.cursors, info.context.loaders
        request = PageArguments(first=first, after=after, last=last, before=before).request(cursors, _TIMELINE)
        wanted = kinds_of(kinds)
        return connection(
            await loaders.timelines.pages.load((self.id, (request, wanted))),
            to_node=lambda item: IncidentTimelineItem.of(
                item,
                relation=IncidentRelation.of,
                change=lambda change: changes.IncidentChange.of(change, info.context),
            ),
            cursor=cursor_maker(cursors, _TIMELINE, item_position),
            count=lambda: loaders.timelines.counts.load((self.id, wanted)),
        )

    @strawberry.field(
        description="Since when a reactive field has had its present value, or that of the moment of the past.",
        metadata=shown_by("field"),
    )
    async def in_state_since(
        self,
        info: Info,
        field: Annotated[IncidentField, strawberry.argument(description="The field in question.")],
    ) -> datetime | None:
        return await info.context.loaders.at(self.place).in_state_since.load((self.id, field.value))

    @strawberry.field(
        metadata=LIST,
        description=(
            "The run that opened it; null where no run did, the run was pruned, or the caller may not see runs."
        ),
    )
    async def automation_run(self, info: Info) -> AutomationRun | None:
        may_see = info.context.audience.sees(Visibility.INTERNAL)
        if not may_see or self.opened_by.type is not ActorType.SERVICE:
            return None
        found = await info.context.loaders.automations.opening_runs.load(self.id)
        return AutomationRun.of(found) if found else None
