"""The examination of an installation: what is wrong is found, named with what to do, and no secret is shown."""

import asyncio
import socket
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from domain.bootstrap import Domain
from domain.operating.examining.all import examine
from domain.operating.examining.configuration import examine_settings, unknown_variables
from domain.operating.examining.network import examine_broadcaster, examine_certificates, examine_issuer, examine_mail
from domain.operating.examining.postgres import _clock, _limits, _of_server, _rights, examine_postgres
from domain.operating.examining.results import Result, Verdict
from domain.operating.examining.secrets import examine_secrets
from domain.operating.examining.sqlite import examine_sqlite, file_system_of
from domain.settings import Settings
from tests.addresses import redis_url
from tests.domain.dialects import on_one_database
from tests.factories import make_channel, make_secret

NOW = datetime(2026, 3, 1, tzinfo=UTC)
Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
#: A server of PostgreSQL with which all is well.
SOUND: Mapping[str, Any] = {
    "major": 15,
    "is_standby": False,
    "is_pooled": False,
    "time_zone": "UTC",
    "encoding": "UTF8",
    "may_create_tables": True,
    "may_keep_workflows": True,
    "has_locks": True,
    "can_listen": True,
    "now": NOW,
    "seconds": 0.01,
    "max_connections": 100,
    "used_connections": 10,
}


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[str]:
    """Yield the place of a server whose connections are answered by a function, and wait for all of them at the end."""
    answering: list[asyncio.Task[None]] = []

    async def answer_and_close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        answering.append(task)
        with suppress(ConnectionError):
            await answer(reader, writer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(answer_and_close, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await asyncio.gather(*answering)


async def examined(environment: Mapping[str, str], *, seconds: float = 5.0) -> list[Result]:
    return [result async for result in examine({}, environment, seconds=seconds)]


def worst(results: list[Result]) -> list[str]:
    """Return the lines that are not in order."""
    return [str(result) for result in results if result.verdict is not Verdict.OK]


def test_a_misspelt_variable_is_named_with_the_one_that_was_meant() -> None:
    environment = {"INCIDENTQL_DATABAS_URL": "x", "INCIDENTQL_TOKEN": "x", "INCIDENTQL_SERVICE_HOST": "10.0.0.1"}
    [found] = unknown_variables({**environment, "HOME": "/"})
    assert (
        str(found) == "warning  settings: INCIDENTQL_DATABAS_URL is no setting. Did you mean INCIDENTQL_DATABASE_URL?"
    )


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"oidc_issuer": "https://id.test"}, "needs INCIDENTQL_OIDC_AUDIENCE"),
        ({"oidc_audience": "x"}, "no effect without OIDC_ISSUER"),
        ({"mail_url": "smtp://mail.test", "mail_from": "a@b.test"}, "needs PUBLIC_URL"),
        ({"mail_url": "http://mail.test", "mail_from": "a@b.test", "public_url": "https://x.test"}, "MAIL_URL must be"),
        ({"mail_from": "a@b.test"}, "no effect without MAIL_URL"),
        ({"secret_key": "short"}, "must hold Fernet keys"),
        ({"http_allow": ("no such network/x",)}, "HTTP_ALLOW"),
        ({"documents": "/nonexistent/documents"}, "does not exist"),
        ({"direct_database_url": "postgresql://host/x"}, "no effect on SQLite"),
        ({"database_url": "mysql://host/x"}, "not supported"),
        ({"database_url": "postgresql://host/x"}, "other processes are noticed after 1 s"),
        ({"sqlite_synchronous": "NORMAL"}, "power cut"),
        ({"cors_origins": ("*",)}, "every origin"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_settings_that_a_start_refuses_or_that_contradict_each_other_are_named(
    given: dict[str, Any], words: str, tmp_path: Path
) -> None:
    settings = Settings(**{"database_url": f"sqlite:///{tmp_path}/x.db", **given})
    assert any(words in line for line in worst(list(await examine_settings(settings))))


async def test_no_secret_of_the_settings_is_shown() -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        results = await examined(
            {
                "INCIDENTQL_DATABASE_URL": f"postgresql://ann:of%20course@127.0.0.1:{port}/of%20course",
                "INCIDENTQL_BROADCAST_URL": f"redis://:hunter-22@127.0.0.1:{port}",
                "INCIDENTQL_MAIL_URL": f"smtp://ann:swordfish@127.0.0.1:{port}",
                "INCIDENTQL_MAIL_FROM": "status@example.com",
                "INCIDENTQL_PUBLIC_URL": "https://status.example.com",
                "INCIDENTQL_SECRET_KEY": "not-a-key-at-all",
            }
        )
    lines = "\n".join(map(str, results))
    assert not any(secret in lines for secret in ("of course", "of%20course", "hunter-22", "swordfish", "not-a-key"))
    parts = {result.part for result in results if result.verdict is Verdict.PROBLEM}
    assert {"database", "broadcaster", "secret key", f"mail server 127.0.0.1:{port}"} <= parts


async def test_a_setting_that_cannot_be_read_is_a_problem() -> None:
    results = await examined({"INCIDENTQL_PORT": "many"})
    assert [result.part for result in results if result.verdict is Verdict.PROBLEM] == ["settings"]


async def test_a_server_that_says_nothing_costs_no_more_than_the_time_limit(tmp_path: Path) -> None:
    async def say_nothing(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async with serving(say_nothing) as place:
        environment = {
            "INCIDENTQL_DATABASE_URL": f"sqlite:///{tmp_path}/x.db",
            "INCIDENTQL_MAIL_URL": f"smtp://{place}",
            "INCIDENTQL_MAIL_FROM": "status@example.com",
            "INCIDENTQL_PUBLIC_URL": "https://status.example.com",
        }
        results = await examined(environment, seconds=0.3)
    assert "problem  mail server: no answer within 0.3 s. Check the network and the other server." in worst(results)


@on_one_database
async def test_a_database_file_is_examined_without_being_made_or_changed(database_url: str, tmp_path: Path) -> None:
    results = list(await examine_sqlite(Settings(database_url=database_url)))
    assert {"schema", "journal", "disk", "file system", "database"} <= {result.part for result in results}
    missing = tmp_path / "missing.db"
    [*_, last] = await examine_sqlite(Settings(database_url=f"sqlite:///{missing}"))
    assert "the first start makes it" in last.found
    assert not await asyncio.to_thread(missing.exists)


@on_one_database
async def test_a_file_of_a_newer_version_and_one_that_is_no_database_are_problems(
    database_url: str, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(database_url.removeprefix("sqlite:///"))) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.execute("UPDATE server_state SET value = '9998' WHERE name = 'compatible_since'")
    assert (
        "newer than this program can use" in worst(list(await examine_sqlite(Settings(database_url=database_url))))[0]
    )
    other = tmp_path / "other.db"
    other.write_bytes(b"no database at all")
    [line] = worst(list(await examine_sqlite(Settings(database_url=f"sqlite:///{other}"))))
    assert line.startswith(f"problem  database: {other} cannot be read")


def test_a_file_system_over_a_network_is_known_by_its_mount(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(
        f"/dev/sda1 / ext4 rw 0 0\nserver:/x {tmp_path} nfs4 rw 0 0\nnone {tmp_path}/b\\040c tmpfs rw 0 0\n"
    )
    for folder, kind in ((tmp_path / "a", "nfs4"), (tmp_path / "b c", "tmpfs"), (Path("/usr"), "ext4")):
        assert file_system_of(folder, mounts) == kind


async def test_secrets_that_the_key_does_not_open_are_counted(domain: Domain, settings: Settings) -> None:
    await make_secret(domain)
    await make_channel(domain)
    assert [result.found for result in await examine_secrets(settings)] == ["decrypts all 2 stored secrets."]
    other = replace(settings, secret_key=Fernet.generate_key().decode())
    [found] = await examine_secrets(other)
    assert (found.verdict, found.found) == (Verdict.PROBLEM, "2 of 2 stored secrets cannot be decrypted.")


@pytest.mark.parametrize("dialect", ["postgresql"])
@pytest.mark.postgres
async def test_postgresql_with_which_all_is_well_is_in_order(database_url: str) -> None:
    results = list(await examine_postgres(Settings(database_url=database_url, postgres_connections=7)))
    parts = {result.part: result.verdict for result in results}
    assert parts.keys() == {"database", "rights", "clock", "connections", "schema"}
    assert {verdict for part, verdict in parts.items() if part != "connections"} == {Verdict.OK}


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        ({"major": 11}, "no longer maintained"),
        ({"is_standby": True}, "standby"),
        ({"is_pooled": True}, "pooler"),
        ({"time_zone": "Europe/Vienna"}, "Europe/Vienna"),
        ({"encoding": "LATIN1"}, "LATIN1"),
        ({"may_create_tables": False}, "GRANT CREATE ON SCHEMA"),
        ({"may_keep_workflows": False}, "GRANT CREATE ON DATABASE"),
        ({"has_locks": False}, "advisory locks do not work"),
        ({"can_listen": False}, "LISTEN does not work"),
        ({"now": NOW + timedelta(seconds=5)}, "5.0 s apart"),
        ({"now": NOW - timedelta(minutes=5)}, "300 s apart"),
        ({"used_connections": 95}, "95 of 100 are in use"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_a_server_lacks_is_named(seen: Mapping[str, Any], words: str) -> None:
    settings, whole = Settings(), {**SOUND, **seen}
    results = [*_of_server(whole), *_rights(settings, whole), _clock(whole, NOW), _limits(settings, whole)]
    [line] = worst(results)
    assert words in line


@pytest.mark.redis
async def test_a_wake_up_comes_back_through_redis() -> None:
    [result] = await examine_broadcaster(Settings(broadcast_url=redis_url()))
    assert (result.verdict, result.found) == (Verdict.OK, "a wake-up came back.")


@pytest.mark.parametrize("dialect", ["postgresql"])
@pytest.mark.postgres
async def test_a_wake_up_comes_back_through_postgresql(database_url: str) -> None:
    [result] = await examine_broadcaster(Settings(database_url=database_url, broadcast_url=database_url))
    assert (result.verdict, result.found) == (Verdict.OK, "a wake-up came back.")


@pytest.fixture
async def answering() -> AsyncIterator[str]:
    """Yield the place of a server that answers every request with a document of an issuer."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readline()).split()[1].decode()
        about = f'{{"issuer": "http://{place}", "jwks_uri": "http://{place}/keys"}}'
        body = '{"keys": [{}, {}]}' if path == "/keys" else about
        writer.write(f"HTTP/1.0 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        await writer.drain()

    async with serving(answer) as place:
        yield f"http://{place}"


async def test_an_issuer_is_asked_for_its_keys(answering: str) -> None:
    [found] = await examine_issuer(Settings(oidc_issuer=answering, oidc_audience="x"))
    assert (found.verdict, found.found) == (Verdict.OK, "its 2 keys can be read.")
    [other] = await examine_issuer(Settings(oidc_issuer=f"{answering}/other", oidc_audience="x"))
    assert (other.verdict, "its discovery document is that of" in other.found) == (Verdict.PROBLEM, True)


async def test_a_mail_server_that_would_get_a_password_in_plain_text_is_a_problem() -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.test\r\n")
        while await reader.readline():
            writer.write(b"250 mail.test\r\n")

    async with serving(greet) as place:
        for user, verdict in (("", Verdict.WARNING), ("ann:swordfish@", Verdict.PROBLEM)):
            [found] = await examine_mail(Settings(mail_url=f"smtp://{user}{place}", mail_from="a@b.test"))
            assert (found.verdict, "no TLS" in found.found) == (verdict, True)


@pytest.mark.parametrize(("days", "verdict"), [(90, Verdict.OK), (10, Verdict.WARNING), (-1, Verdict.PROBLEM)])
async def test_a_certificate_is_judged_by_when_it_ends(days: int, verdict: Verdict, tmp_path: Path) -> None:
    file, key, now = tmp_path / "root.pem", ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    made = made.not_valid_before(now - timedelta(days=99)).not_valid_after(now + timedelta(days=days, hours=1))
    file.write_bytes(made.sign(key, SHA256()).public_bytes(Encoding.PEM))
    settings = Settings(database_url=f"postgresql://host/x?sslrootcert={file}&sslkey={tmp_path}/none.key")
    certificate, private = await examine_certificates(settings)
    assert certificate.verdict is verdict
    assert (private.verdict, "No such file" in private.found) == (Verdict.PROBLEM, True)
