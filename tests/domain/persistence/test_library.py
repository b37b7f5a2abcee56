from typing import cast

import psycopg
import pytest

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
