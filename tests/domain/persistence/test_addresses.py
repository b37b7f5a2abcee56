import logging

import asyncpg
import pytest

from domain.errors import StartupError
from domain.persistence.addresses import connect, postgres_address
from domain.persistence.engines import database_url
from domain.persistence.library import library_engine
from tests.addresses import postgres_url

BASE = "postgresql://ann:secret@db.example/incidents"
ADDRESSES = {
    "plain": (BASE, (["db.example"], [5432], "ann", "secret", "incidents")),
    "the short scheme": ("postgres://ann@db:6000/x", (["db"], [6000], "ann", None, "x")),
    "the driver's scheme": ("postgresql+asyncpg://ann@db/x", (["db"], [5432], "ann", None, "x")),
    "percent-encoded": ("postgresql://a%40b:p%2Fw%3A%40%25@db/my%20db", (["db"], [5432], "a@b", "p/w:@%", "my db")),
    "several hosts": ("postgresql://ann@one:1,two:2/x", (["one", "two"], [1, 2], "ann", None, "x")),
    "several hosts on one port": (
        "postgresql://ann@/x?host=one,two&port=7000",
        (["one", "two"], [7000, 7000], "ann", None, "x"),
    ),
    "a socket as a parameter": ("postgresql:///x?host=/run/pg&user=ann", (["/run/pg"], [5432], "ann", None, "x")),
    "a socket as the host": ("postgresql://ann@%2Frun%2Fpg/x", (["/run/pg"], [5432], "ann", None, "x")),
    "IPv6": ("postgresql://ann@[::1]:6000/x", (["::1"], [6000], "ann", None, "x")),
    "nothing but a name": ("postgresql:///x", ([], [], None, None, "x")),
    "all as parameters": (
        "postgresql://?host=db&port=1&user=ann&password=pw&dbname=x",
        (["db"], [1], "ann", "pw", "x"),
    ),
}
#: What hosting companies and manuals put behind the question mark.
PARAMETERS = (
    "sslmode=require",
    "sslmode=verify-full&sslrootcert=/etc/ca.pem&sslcert=/etc/me.pem&sslkey=/etc/me.key",
    "sslmode=require&channel_binding=require",
    "target_session_attrs=read-write",
    "application_name=incidents&connect_timeout=3",
    "options=-c%20statement_timeout%3D5000",
    "options=--search-path%3Dincidents",
    "keepalives=1&keepalives_idle=30&tcp_user_timeout=1000",
    "sslmode=verify-full&sslrootcert=system",
)
WRONG = {
    "unknown": (f"{BASE}?pgbouncer=true", "not known: pgbouncer"),
    "no number": (f"{BASE}?connect_timeout=soon", "connect_timeout must be"),
    "no port": ("postgresql://db:port/x", "not valid"),
    "ports that fit no hosts": ("postgresql:///x?host=a,b,c&port=1,2", "not valid"),
    "no parameter": (f"{BASE}?sslmode", "not valid"),
    "no options": (f"{BASE}?options=fast", "Use -c name=value"),
    "another kind": ("postgresqlx://db/x", "'postgresqlx' are not supported"),
    "kerberos": (f"{BASE}?gssencmode=require", "gssencmode"),
}


@pytest.mark.parametrize(("url", "expected"), ADDRESSES.values(), ids=ADDRESSES)
def test_an_address_is_parsed_as_by_libpq(url: str, expected: tuple[object, ...]) -> None:
    address = postgres_address(url)
    found = (address.hosts, address.ports, address.user, address.password, address.database)
    assert tuple(list(part) if isinstance(part, list | tuple) else part for part in found) == expected


@pytest.mark.parametrize(("url", "reason"), WRONG.values(), ids=WRONG)
def test_an_invalid_address_is_refused_in_one_line_without_the_password(url: str, reason: str) -> None:
    with pytest.raises(StartupError) as caught:
        database_url(url)
    assert reason in caught.value.message
    assert "\n" not in caught.value.message
    assert "secret" not in caught.value.message


@pytest.mark.parametrize("parameters", PARAMETERS)
def test_both_drivers_get_a_parameter_in_their_form(parameters: str) -> None:
    address = postgres_address(f"{BASE}?{parameters}")
    arguments = address.for_asyncpg(application_name="incidentql")
    assert not {"channel_binding", "keepalives", "options", "connect_timeout"} & arguments.keys()
    assert address.for_libpq().keys() >= {part.partition("=")[0] for part in parameters.split("&")}
    engine = library_engine(address, connections=1)
    assert engine is not None
    _, connecting = engine.dialect.create_connect_args(engine.url)
    assert {connecting["host"], connecting["dbname"], connecting["user"]} == {"db.example", "incidents", "ann"}
    engine.dispose()


def test_server_settings_in_options_apply_to_both_drivers() -> None:
    address = postgres_address(f"{BASE}?options=-c%20a.b%3D1%20-cc%3Dtwo%5C%20words%20--d-e%3D3&application_name=mine")
    settings = address.for_asyncpg(application_name="incidentql", timezone="UTC")["server_settings"]
    assert settings == {"application_name": "mine", "timezone": "UTC", "a.b": "1", "c": "two words", "d_e": "3"}
    assert address.for_libpq()["options"] == r"-c a.b=1 -cc=two\ words --d-e=3"


def test_a_guarantee_that_one_driver_cannot_give_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    postgres_address(f"{BASE}?channel_binding=require")
    assert "channel_binding=require" in caplog.text


def test_a_password_is_shown_nowhere() -> None:
    assert "secret" not in repr(postgres_address(BASE))


@pytest.mark.postgres
async def test_a_connection_has_the_parameters_of_its_address() -> None:
    url = f"{postgres_url()}?application_name=mine&options=-c%20statement_timeout%3D54321&connect_timeout=9"
    connection = await connect(postgres_address(url), timezone="UTC")
    try:
        names = ("application_name", "statement_timeout", "timezone")
        shown = [await connection.fetchval("SELECT current_setting($1)", name) for name in names]
    finally:
        await connection.close()
    assert shown == ["mine", "54321ms", "UTC"]
    again = await asyncpg.connect(postgres_address(url).dsn())
    assert await again.fetchval("SELECT current_setting('statement_timeout')") == "54321ms"
    await again.close()
