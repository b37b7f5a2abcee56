"""A database as a promoted standby has it, which lacks the last changes of the server before it."""

import sqlalchemy as sa

from domain.bootstrap import Domain
from domain.persistence.addresses import postgres_address
from domain.persistence.postgres import Connector
from domain.persistence.promotions import TIMELINE
from domain.persistence.unit_of_work import UnitOfWork
from tests.inside import inside


async def lose_changes(domain: Domain, *, after: int) -> None:
    """Leave the database as a promoted standby has it, without what is behind a place."""
    database = inside(domain).database

    async def lose(unit: UnitOfWork) -> None:
        statements = (
            f"DELETE FROM entity_transitions USING changes WHERE change_id = changes.id AND seq > {after}",
            f"DELETE FROM changes WHERE seq > {after}",
            f"SELECT setval(pg_get_serial_sequence('changes', 'seq'), {after})",
            f"UPDATE server_state SET value = '00000000' WHERE name = '{TIMELINE}'",
        )
        for statement in statements:
            await unit.connection.execute(sa.text(statement))

    await database.write(lose)
    await connect_anew(domain)


async def connect_anew(domain: Domain) -> None:
    """Open a new connection, as all are after a failover."""
    address = postgres_address(inside(domain).settings.database_url)
    connection = await Connector(address, has_direct=False)._open()
    await connection.close()
