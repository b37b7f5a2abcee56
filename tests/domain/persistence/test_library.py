from typing import cast

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from domain.persistence.addresses import postgres_address
from domain.persistence.library import close_library_engine, library_engine
from tests.addresses import postgres_url


@pytest.mark.postgres
def test_a_connection_that_is_in_use_when_the_library_stops_is_closed_once_it_is_returned() -> None:
    engine = library_engine(postgres_address(postgres_url()), connections=2)
    assert engine is not None
    idle, used = engine.connect(), engine.connect()
    drivers = [cast("psycopg.Connection", each.connection.driver_connection) for each in (idle, used)]
    idle.close()
    close_library_engine(engine)
    assert [driver.closed for driver in drivers] == [True, False]
    used.close()
    assert drivers[1].closed


@pytest.mark.postgres
def test_the_library_leaves_a_server_that_refuses_writes() -> None:
    engine = library_engine(postgres_address(postgres_url()), connections=2)
    assert engine is not None
    backend = sa.text("SELECT pg_backend_pid()")
    with engine.connect() as other, engine.connect() as connection:
        known = {other.scalar(backend), connection.scalar(backend)}
        connection.execute(sa.text("SET TRANSACTION READ ONLY"))
        with pytest.raises(DBAPIError) as refused:
            connection.execute(sa.text("CREATE TABLE refused (id int)"))
        # So the library tries it again.
        assert refused.value.connection_invalidated
    with engine.connect() as one, engine.connect() as another:
        assert known.isdisjoint({one.scalar(backend), another.scalar(backend)})
    close_library_engine(engine)
