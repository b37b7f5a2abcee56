"""Strawberry as most teams write it: ORM sessions over aiosqlite, a resolver per field, data loaders, its own view.

python -m tests.benchmarks.http.peers.strawberry_peer PORT FILE VISIBILITIES
"""

import sys
from collections import defaultdict
from enum import Enum
from typing import Any, NewType, Self

import sqlalchemy as sa
import strawberry
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from starlette.applications import Starlette
from starlette.routing import Route
from strawberry.asgi import GraphQL
from strawberry.dataloader import DataLoader
from strawberry.schema.config import StrawberryConfig
from typing_extensions import override

from tests.benchmarks.http.peers.rows import (
    PRAGMAS,
    cursor_of,
    moment,
    new_id,
    now,
    position_of,
    stored_moment,
)
from tests.benchmarks.http.peers.serving import serve

PORT, FILE, VISIBILITIES = sys.argv[1:]
engine = create_async_engine(f"sqlite+aiosqlite:///{FILE}")
Session = async_sessionmaker(engine, expire_on_commit=False)


@sa.event.listens_for(engine.sync_engine, "connect")
def _connected(connection: Any, _: Any) -> None:
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


class Base(DeclarativeBase):
    pass


class IncidentRow(Base):
    __tablename__ = "incidents"
    id: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int]
    title: Mapped[str]
    description: Mapped[str | None]
    status: Mapped[str]
    severity: Mapped[int]
    suppress_notifications: Mapped[int] = mapped_column(default=0)
    dedupe_key: Mapped[str] = mapped_column(default="")
    version: Mapped[int] = mapped_column(default=1)
    opened_by_type: Mapped[str] = mapped_column(default="application")
    opened_by_id: Mapped[str] = mapped_column(default="peer")
    occurred_at: Mapped[str]
    created_at: Mapped[str]
    updated_at: Mapped[str]
    resolved_at: Mapped[str | None]


class SystemRow(Base):
    __tablename__ = "systems"
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]


class PlaceRow(Base):
    __tablename__ = "incident_systems"
    incident_id: Mapped[str] = mapped_column(primary_key=True)
    system_id: Mapped[str] = mapped_column(primary_key=True)


class UpdateRow(Base):
    __tablename__ = "incident_updates"
    id: Mapped[str] = mapped_column(primary_key=True)
    incident_id: Mapped[str]
    message: Mapped[str]
    status_change: Mapped[str | None]
    visibility: Mapped[str] = mapped_column(default="public")
    created_at: Mapped[str]
    created_by_type: Mapped[str] = mapped_column(default="application")
    created_by_id: Mapped[str] = mapped_column(default="peer")


async def load_systems(ids: list[str]) -> list[list[SystemRow]]:
    statement = sa.select(PlaceRow.incident_id, SystemRow).join(SystemRow, SystemRow.id == PlaceRow.system_id)
    found = defaultdict(list)
    async with Session() as session:
        for parent, system in await session.execute(
            statement.where(PlaceRow.incident_id.in_(ids)).order_by(PlaceRow.system_id)
        ):
            found[parent].append(system)
    return [found[identifier] for identifier in ids]


async def load_updates(ids: list[str]) -> list[list[UpdateRow]]:
    statement = sa.select(UpdateRow).where(
        UpdateRow.incident_id.in_(ids), UpdateRow.visibility.in_(VISIBILITIES.split(","))
    )
    found = defaultdict(list)
    async with Session() as session:
        for row in await session.scalars(statement.order_by(UpdateRow.created_at.desc(), UpdateRow.id.desc())):
            found[row.incident_id].append(row)
    return [found[identifier] for identifier in ids]


DateTime = NewType("DateTime", str)


@strawberry.enum(name="IncidentStatus")
class Status(Enum):
    INVESTIGATING = "investigating"
    IDENTIFIED = "identified"
    FIXING = "fixing"
    MONITORING = "monitoring"
    RESOLVED = "resolved"


@strawberry.enum(name="IncidentSeverity")
class Severity(Enum):
    MINOR = 1
    MAJOR = 2
    CRITICAL = 3


@strawberry.type
class System:
    id: strawberry.ID
    name: str


@strawberry.type
class IncidentUpdate:
    id: strawberry.ID
    message: str
    status_change: Status | None
    created_at: DateTime

    @classmethod
    def of(cls, row: UpdateRow) -> Self:
        change = row.status_change
        return cls(
            id=strawberry.ID(row.id),
            message=row.message,
            status_change=Status(change) if change else None,
            created_at=DateTime(moment(row.created_at)),
        )


@strawberry.type
class IncidentUpdateConnection:
    nodes: list[IncidentUpdate]


@strawberry.type
class Incident:
    id: strawberry.ID
    title: str
    description: str | None
    status: Status
    severity: Severity
    created_at: DateTime
    updated_at: DateTime

    @strawberry.field
    async def systems(self, info: strawberry.Info) -> list[System]:
        return [System(id=strawberry.ID(row.id), name=row.name) for row in await info.context["systems"].load(self.id)]

    @strawberry.field
    async def updates(
        self, info: strawberry.Info, first: int | None = None, last: int | None = None
    ) -> IncidentUpdateConnection:
        rows = await info.context["updates"].load(self.id)
        rows = rows[-last:] if last else rows[:first]
        return IncidentUpdateConnection(nodes=[IncidentUpdate.of(row) for row in rows])

    @classmethod
    def of(cls, row: IncidentRow) -> Self:
        return cls(
            id=strawberry.ID(row.id),
            title=row.title,
            description=row.description,
            status=Status(row.status),
            severity=Severity(row.severity),
            created_at=DateTime(moment(row.created_at)),
            updated_at=DateTime(moment(row.updated_at)),
        )


@strawberry.type
class PageInfo:
    has_next_page: bool
    end_cursor: str | None


@strawberry.type
class IncidentEdge:
    cursor: str
    node: Incident


@strawberry.type
class IncidentConnection:
    edges: list[IncidentEdge]
    page_info: PageInfo


@strawberry.input
class StatusFilter:
    eq: Status | None = None


@strawberry.input
class SeverityFilter:
    eq: Severity | None = None


@strawberry.input
class DateTimeFilter:
    gte: DateTime | None = None


@strawberry.input
class IncidentFilter:
    status: StatusFilter | None = None
    severity: SeverityFilter | None = None
    created_at: DateTimeFilter | None = None
    include_resolved: bool | None = None


@strawberry.type
class Query:
    @strawberry.field
    async def incident(self, id: strawberry.ID) -> Incident | None:
        async with Session() as session:
            row = await session.get(IncidentRow, id)
        return Incident.of(row) if row else None

    @strawberry.field
    async def incidents(
        self, first: int, after: str | None = None, filter: IncidentFilter | None = None
    ) -> IncidentConnection:
        statement = sa.select(IncidentRow).order_by(IncidentRow.created_at.desc(), IncidentRow.id.desc())
        if filter and filter.status and filter.status.eq:
            statement = statement.where(IncidentRow.status == filter.status.eq.value)
        if filter and filter.severity and filter.severity.eq:
            statement = statement.where(IncidentRow.severity == filter.severity.eq.value)
        if filter and filter.created_at and filter.created_at.gte:
            statement = statement.where(IncidentRow.created_at >= stored_moment(filter.created_at.gte))
        if after:
            statement = statement.where(sa.tuple_(IncidentRow.created_at, IncidentRow.id) < position_of(after))
        async with Session() as session:
            rows = list(await session.scalars(statement.limit(first + 1)))
        edges = [
            IncidentEdge(cursor=cursor_of(moment(row.created_at), row.id), node=Incident.of(row))
            for row in rows[:first]
        ]
        end = edges[-1].cursor if edges else None
        return IncidentConnection(edges=edges, page_info=PageInfo(has_next_page=len(rows) > first, end_cursor=end))


@strawberry.input
class CreateIncidentInput:
    title: str
    description: str | None = None
    severity: Severity
    system_ids: list[str]
    initial_message: str | None = None


@strawberry.input
class AddIncidentUpdateInput:
    incident_id: strawberry.ID
    message: str
    status_change: Status | None = None


@strawberry.type
class UserError:
    code: str
    message: str


@strawberry.type
class CreateIncidentPayload:
    incident: Incident | None
    user_errors: list[UserError]


@strawberry.type
class AddIncidentUpdatePayload:
    update: IncidentUpdate | None
    user_errors: list[UserError]


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def create_incident(self, input: CreateIncidentInput) -> CreateIncidentPayload:
        stored = stored_moment(now())
        async with Session() as session:
            await session.execute(sa.text("UPDATE counters SET value = value + 1 WHERE name = 'incident'"))
            number = await session.scalar(sa.text("SELECT value FROM counters WHERE name = 'incident'"))
            row = IncidentRow(
                id=new_id("inc"),
                number=number,
                title=input.title,
                description=input.description,
                status="investigating",
                severity=input.severity.value,
                occurred_at=stored,
                created_at=stored,
                updated_at=stored,
            )
            session.add(row)
            await session.flush()
            session.add_all([PlaceRow(incident_id=row.id, system_id=system) for system in input.system_ids])
            session.add(_entry(row.id, input.initial_message or "", "investigating", stored))
            await session.commit()
        return CreateIncidentPayload(incident=Incident.of(row), user_errors=[])

    @strawberry.mutation
    async def add_incident_update(self, input: AddIncidentUpdateInput) -> AddIncidentUpdatePayload:
        stored = stored_moment(now())
        status = input.status_change.value if input.status_change else None
        async with Session() as session:
            moved = sa.update(IncidentRow).where(IncidentRow.id == input.incident_id)
            await session.execute(moved.values(status=status, updated_at=stored, resolved_at=None))
            row = _entry(input.incident_id, input.message, status, stored)
            session.add(row)
            await session.commit()
        return AddIncidentUpdatePayload(update=IncidentUpdate.of(row), user_errors=[])


def _entry(incident_id: str, message: str, status: str | None, stored: str) -> UpdateRow:
    return UpdateRow(
        id=new_id("upd"), incident_id=incident_id, message=message, status_change=status, created_at=stored
    )


class View(GraphQL):
    @override
    async def get_context(self, request: Any, response: Any) -> Any:
        return {"systems": DataLoader(load_systems), "updates": DataLoader(load_updates)}


if __name__ == "__main__":
    config = StrawberryConfig(scalar_map={DateTime: strawberry.scalar(name="DateTime", serialize=str, parse_value=str)})
    schema = strawberry.Schema(Query, Mutation, config=config)
    serve(Starlette(routes=[Route("/graphql", View(schema))]), int(PORT))
