"""Entries of the timelines of incidents."""

from datetime import datetime
from typing import Self

import strawberry

from domain.markdown import html_of
from domain.model import incident as model
from gql.compiled.declarations import LIST, made_by
from gql.context import Info
from gql.types.actor import Actor
from gql.types.copying import copied
from gql.types.enums import Status, Visibility
from gql.types.markdown import HTML
from gql.types.node import Node


@strawberry.type(description="A timeline entry as it was before an edit.")
class IncidentUpdateVersion(Node):
    message: str = strawberry.field(description="The text.")
    status_change: Status | None = strawberry.field(description="The status that it carried.")
    visibility: Visibility = strawberry.field(description="Its visibility.")
    created_at: datetime = strawberry.field(description="The time that it was dated.")
    replaced_at: datetime = strawberry.field(description="When it was edited.")
    replaced_by: Actor = strawberry.field(description="The actor that edited it.")

    @classmethod
    def of(cls, version: model.IncidentUpdateVersion) -> Self:
        return copied(cls, version, replaced_by=Actor.of(version.replaced_by))


@strawberry.type(description="An entry of an incident's timeline.")
class IncidentUpdate(Node):
    message: str = strawberry.field(description="The text, in Markdown.")
    message_html: str = strawberry.field(description=HTML.format("text"), resolver=made_by(html_of, "message"))
    status_change: Status | None = strawberry.field(
        description="The status that the incident changed to with it; null for a comment, also for one whose status "
        "already held at its date."
    )
    visibility: Visibility = strawberry.field(description="Its visibility.")
    created_at: datetime = strawberry.field(description="The time that it is dated; the timeline is in this order.")
    created_by: Actor = strawberry.field(description="The actor that wrote it.")
    edited_at: datetime | None = strawberry.field(description="When it was last edited.")
    incident_id: strawberry.ID = strawberry.field(description="The id of the incident.")

    @classmethod
    def of(cls, entry: model.IncidentUpdate) -> Self:
        return copied(cls, entry, created_by=Actor.of(entry.created_by))

    @strawberry.field(
        description="Its last 100 earlier versions, oldest first; empty where the caller may not see them.",
        metadata=LIST,
    )
    async def edit_history(self, info: Info) -> list[IncidentUpdateVersion]:
        if not info.context.audience.sees_edit_history or self.edited_at is None:
            return []
        versions = await info.context.loaders.versions.load(self.id) or []
        # An entry of the past has not yet seen its later edits.
        return [IncidentUpdateVersion.of(version) for version in versions if version.replaced_at <= self.edited_at]
