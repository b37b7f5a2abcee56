"""The migration of people: users who acted before people were kept can be forgotten, too."""

from importlib import import_module

import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations

from domain.bootstrap import Domain
from domain.model.actor import Actor, ActorType
from domain.model.commands import CreateSystem, CreateToken
from domain.model.paging import PageRequest
from domain.model.viewer import Role, Viewer
from domain.persistence.people_tables import people
from domain.persistence.unit_of_work import UnitOfWork
from tests.factories import make_incident, make_system
from tests.inside import inside

MIGRATION = import_module("domain.persistence.migrations.versions.0028_erasures_of_people")


def user(number: int, name: str | None) -> Viewer:
    """Return an admin of the issuer."""
    return Viewer(actor=Actor(type=ActorType.USER, id=f"user-{number}", name=name), role=Role.ADMIN)


async def test_users_in_rows_and_in_the_log_become_people(domain: Domain) -> None:
    await make_system(domain)
    incident = await make_incident(domain)
    await domain.responders.acknowledge(user(1, "Ann"), incident.id)
    await domain.tokens.create(user(2, None), CreateToken(name="monitor", role=Role.VIEWER))
    await domain.systems.create(user(3, "Lee"), CreateSystem(key="api", name="API"))
    await domain.incidents.delete(user(4, "Kim"), incident.id)

    async def migrate(unit: UnitOfWork) -> None:
        await unit.connection.execute(sa.delete(people).where(people.c.actor_id.in_(["user-1", "user-2", "user-3"])))
        await unit.connection.run_sync(_know_users)

    await inside(domain).database.write(migrate)
    found = (await domain.reads.people("", PageRequest(size=100))).items
    users = {(person.actor.id, person.actor.name) for person in found if person.actor.type is ActorType.USER}
    assert users == {("user-1", "Ann"), ("user-2", None), ("user-3", "Lee"), ("user-4", "Kim")}
    assert len({person.id for person in found}) == len(found)


def _know_users(connection: sa.Connection) -> None:
    with Operations.context(MigrationContext.configure(connection)):
        MIGRATION._know_users()
