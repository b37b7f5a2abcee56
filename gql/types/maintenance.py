"""Maintenance windows, the times that they take place, and the messages about them."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Optional, Self

import strawberry

from domain.markdown import html_of
from domain.model import maintenance as model
from domain.model.positions import instance_position
from gql.compiled.declarations import LIST, made_by, pages
from gql.context import Info
from gql.inputs.maintenance import MaintenanceInstanceFilter, instance_filter, instances_wanted
from gql.pagination import After, Before, Connection, First, Last, PageArguments, connection, cursor_maker
from gql.types import system as catalog
from gql.types.actor import Actor
from gql.types.copying import copied
from gql.types.enums import Visibility
from gql.types.maintenance_enums import MaintenanceStatus
from gql.types.markdown import HTML, html_or_none
from gql.types.node import Node

Affected = Annotated["System", strawberry.lazy("gql.types.system")]  # type: ignore[name-defined]  # noqa: F821 - both need each other
_INSTANCES = "maintenance.instances"


@strawberry.type(description="A message about a maintenance window.")
class MaintenanceUpdate(Node):
    message: str = strawberry.field(description="The message, in Markdown.")
    message_html: str = strawberry.field(description=HTML.format("message"), resolver=made_by(html_of, "message"))
    created_at: datetime = strawberry.field(description="When it was added.")
    created_by: Actor = strawberry.field(description="The actor that added it.")

    @classmethod
    def of(cls, update: model.MaintenanceUpdate) -> Self:
        return copied(cls, update, created_by=Actor.of(update.created_by))


@strawberry.type(description="One time that a maintenance window takes place.")
class MaintenanceInstance(Node):
    maintenance_id: strawberry.ID = strawberry.field(description="The id of the window.")
    original_start: datetime = strawberry.field(
        description="When it begins by the window's own times: what it is known by, however it is moved."
    )
    starts_at: datetime = strawberry.field(description="When it begins.")
    ends_at: datetime = strawberry.field(description="When it ends.")
    status: MaintenanceStatus = strawberry.field(description="Its status.")
    title: str | None = strawberry.field(description="Its own title; null where it has the window's.")
    description: str | None = strawberry.field(description="Its own description; null where it has the window's.")
    description_html: str | None = strawberry.field(
        description=HTML.format("description"), resolver=made_by(html_or_none, "description")
    )
    is_changed: bool = strawberry.field(description="Whether it was moved, or has texts of its own.")

    @classmethod
    def of(cls, instance: model.MaintenanceInstance) -> Self:
        return copied(cls, instance)

    @strawberry.field(description="The window.", metadata=LIST)
    async def maintenance(self, info: Info) -> Optional["Maintenance"]:
        found = await info.context.loaders.maintenance.windows.load(self.maintenance_id)
        return Maintenance.of(found) if found else None


@strawberry.type(description="Planned work on systems, once or again and again.")
class Maintenance(Node):
    title: str = strawberry.field(description="Its title.")
    description: str | None = strawberry.field(description="Its description, in Markdown.")
    description_html: str | None = strawberry.field(
        description=HTML.format("description"), resolver=made_by(html_or_none, "description")
    )
    visibility: Visibility = strawberry.field(
        description="Who may see it. That its systems are under maintenance is seen by everybody."
    )
    status: MaintenanceStatus = strawberry.field(description="Its status.")
    time_zone: str = strawberry.field(description="The time zone, an IANA name, by whose clocks it begins each time.")
    starts_at: datetime = strawberry.field(description="When its first instance begins by its own times.")
    ends_at: datetime = strawberry.field(description="When that ends.")
    recurrence: str | None = strawberry.field(
        description="The rule, an RRULE of iCalendar, by which it takes place again; null where it takes place once."
    )
    created_at: datetime = strawberry.field(description="When it was scheduled.")
    updated_at: datetime = strawberry.field(description="When anything of it last changed.")
    cancelled_at: datetime | None = strawberry.field(description="When it was cancelled as a whole.")
    created_by: Actor = strawberry.field(description="The actor that scheduled it.")
    version: int = strawberry.field(description="A number for `expectedVersion` that every change of it raises by one.")
    system_ids: strawberry.Private[tuple[str, ...]]

    @classmethod
    def of(cls, maintenance: model.Maintenance) -> Self:
        return copied(cls, maintenance, created_by=Actor.of(maintenance.created_by))

    @strawberry.field(description="Its systems.", metadata=LIST)
    async def systems(self, info: Info) -> list[Affected]:
        found = await info.context.loaders.systems.load_many(list(self.system_ids))
        return [catalog.System.of(system) for system in found if system is not None]

    @strawberry.field(
        description=(
            "The times that it takes place, in their order, as far ahead as they are stored: 400 days, and at least "
            "the next one."
        ),
        metadata=pages(_INSTANCES, instances_wanted),
    )
    async def instances(
        self,
        info: Info,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
        filter: Annotated[
            MaintenanceInstanceFilter | None, strawberry.argument(description="Only instances that match.")
        ] = strawberry.UNSET,
    ) -> Connection[MaintenanceInstance]:
        cursors, loaders = info.context.domain.reads.cursors, info.context.loaders.maintenance
        wanted = instance_filter(filter)
        arguments = PageArguments(first=first, after=after, last=last, before=before)
        request = replace(arguments.request(cursors, _INSTANCES), among=wanted.among)
        return connection(
            await loaders.instances.load((self.id, request)),
            to_node=MaintenanceInstance.of,
            cursor=cursor_maker(cursors, _INSTANCES, instance_position),
            count=lambda: loaders.instance_counts.load((self.id, wanted.among)),
        )

    @strawberry.field(description="The messages about it, newest first, at most 100.", metadata=LIST)
    async def updates(self, info: Info) -> list[MaintenanceUpdate]:
        found = await info.context.loaders.maintenance.updates.load(self.id)
        return [MaintenanceUpdate.of(update) for update in found or ()]
