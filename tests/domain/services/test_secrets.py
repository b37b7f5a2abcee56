"""Secrets: their values are readable for the engine alone."""

import asyncio
import logging
import sqlite3
import stat
import subprocess
import sys
from contextlib import AbstractAsyncContextManager, closing
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet

from domain.bootstrap import Domain, running_domain
from domain.errors import AlreadyExistsError, InvalidInputError, NotFoundError, StartupError, UnsupportedError
from domain.model.secret import Secret
from domain.persistence.secret_tables import secrets
from domain.persistence.tables import metadata
from domain.services.ciphers import SecretCipher
from domain.services.secret_keys import SecretKeys
from domain.settings import Settings
from tests.conftest import SteppingClock
from tests.domain.dialects import on_one_database
from tests.factories import ADMIN, log_of, make_secret
from tests.inside import inside

VALUE = "correct-horse-battery-staple-ü"
ROOT = Path(__file__).parents[3]


async def test_a_secret_is_read_back_unchanged_and_not_logged(domain: Domain) -> None:
    secret = await make_secret(domain, "API_KEY", VALUE)
    other = await make_secret(domain, "api_key", "  spaces stay \n")
    assert await domain.secrets.resolve(["API_KEY", "api_key"]) == {"API_KEY": VALUE, "api_key": "  spaces stay \n"}
    assert (secret.created_by, secret.created_at) == (ADMIN.actor, secret.updated_at)
    assert await domain.reads.secrets([secret.id, other.id, "sec_x"]) == {secret.id: secret, other.id: other}
    assert await domain.secrets.known(["API_KEY", "nothing", "\0"]) == {"API_KEY"}
    assert await log_of(domain) == []


@on_one_database
async def test_a_value_is_replaced_under_its_name(domain: Domain) -> None:
    secret = await make_secret(domain)
    after = (await domain.secrets.replace(ADMIN, secret.id, value="another-value")).value
    assert (after.name, after.created_at, after.updated_at > secret.updated_at) == (
        secret.name,
        secret.created_at,
        True,
    )
    assert await domain.secrets.resolve([secret.name]) == {secret.name: "another-value"}


async def test_a_deleted_secret_is_gone_and_its_name_free(domain: Domain) -> None:
    secret = await make_secret(domain)
    assert (await domain.secrets.delete(ADMIN, secret.id)).value == secret.id
    for attempt in (
        domain.secrets.delete(ADMIN, secret.id),
        domain.secrets.replace(ADMIN, secret.id, value="another-value"),
    ):
        with pytest.raises(NotFoundError):
            await attempt
    await make_secret(domain)
    assert await domain.reads.secret_count() == 1


async def test_a_missing_secret_is_named(domain: Domain) -> None:
    await make_secret(domain, "HERE")
    with pytest.raises(NotFoundError, match=r"Secret 'THERE' was not found\."):
        await domain.secrets.resolve(["HERE", "THERE"])
    assert await domain.secrets.resolve([]) == {}


async def test_of_many_callers_with_one_name_one_makes_the_secret(domain: Domain) -> None:
    outcomes = await asyncio.gather(*(make_secret(domain) for _ in range(8)), return_exceptions=True)
    kinds = [type(outcome) for outcome in outcomes]
    assert (kinds.count(Secret), kinds.count(AlreadyExistsError)) == (1, 7)


@on_one_database
@pytest.mark.parametrize("name", ["", "a" * 65, "A B", "A.B", "Ä", "A\n", "A\0", "sec${{"], ids=repr)
async def test_an_invalid_name_is_refused(domain: Domain, name: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        await make_secret(domain, name)
    assert caught.value.field == ["name"]


@on_one_database
@pytest.mark.parametrize(
    "value",
    ["", "abc", "  abc  ", "\n" * 9, "x" * 16_385, "ü" * 8_193, "hush\ud800hush"],
    ids=["none", "three", "spaces", "lines", "long", "long in bytes", "half a character"],
)
async def test_an_invalid_secret_value_is_refused_without_being_quoted(domain: Domain, value: str) -> None:
    secret = await make_secret(domain, "HERE")
    for attempt in (make_secret(domain, "KEY", value), domain.secrets.replace(ADMIN, secret.id, value=value)):
        with pytest.raises(InvalidInputError) as caught:
            await attempt
        assert caught.value.field == ["value"]
        assert "hush" not in caught.value.message
        assert caught.value.__cause__ is None
    assert await domain.secrets.resolve(["HERE"]) == {"HERE": "correct-horse-battery"}


async def test_the_largest_value_fits(domain: Domain) -> None:
    await make_secret(domain, "K" * 64, "ü" * 8_192)
    assert await domain.secrets.resolve(["K" * 64]) == {"K" * 64: "ü" * 8_192}


async def test_a_ciphertext_copied_to_another_name_is_refused(domain: Domain) -> None:
    await make_secret(domain, "MINE", "what-i-may-know")
    await make_secret(domain, "THEIRS", "what-i-may-not-know")
    async with inside(domain).database._engines.writer.begin() as connection:
        theirs = await connection.scalar(sa.select(secrets.c.ciphertext).where(secrets.c.name == "THEIRS"))
        await connection.execute(sa.update(secrets).where(secrets.c.name == "MINE").values(ciphertext=theirs))
    with pytest.raises(UnsupportedError, match="Secret 'MINE'"):
        await domain.secrets.resolve(["MINE"])


@on_one_database
async def test_keys_rotate(settings: Settings, clock: SteppingClock) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    async with _running(settings, clock, old) as domain:
        await make_secret(domain, "FIRST", VALUE)
    async with _running(settings, clock, f"{new}, {old}") as domain:
        await make_secret(domain, "SECOND", VALUE)
        assert await domain.secrets.resolve(["FIRST", "SECOND"]) == {"FIRST": VALUE, "SECOND": VALUE}
    async with _running(settings, clock, new) as domain:
        assert await domain.secrets.resolve(["SECOND"]) == {"SECOND": VALUE}
        with pytest.raises(UnsupportedError, match="Secret 'FIRST' was encrypted with a key that this server does not"):
            await domain.secrets.resolve(["FIRST"])


@on_one_database
@pytest.mark.parametrize("key", ["", "short", "x" * 44, "dGhlIGtleSB0aGF0IGlzIHVzZWQgaW4gb3VyIHRlc3Q=,nonsense"])
async def test_an_invalid_key_stops_the_start_without_being_quoted(settings: Settings, key: str) -> None:
    with pytest.raises(StartupError, match="INCIDENTQL_SECRET_KEY must hold Fernet keys") as caught:
        async with _running(settings, SteppingClock(), key):
            pass
    assert not key or key not in caught.value.message
    assert caught.value.__cause__ is None


def test_settings_do_not_show_the_key() -> None:
    assert "hush" not in repr(Settings(secret_key="hush"))


async def test_without_a_key_a_sqlite_file_gets_one_beside_it_for_its_owner_alone(
    sqlite_template: Path, tmp_path: Path, clock: SteppingClock
) -> None:
    settings = _file_settings(sqlite_template, tmp_path)
    key = tmp_path / "incidents.db.key"
    async with running_domain(settings, clock=clock) as domain:
        assert not key.exists()
        await make_secret(domain, "API_KEY", VALUE)
    assert _modes(tmp_path) == {"incidents.db": None, "incidents.db.key": 0o600}
    async with running_domain(settings, clock=clock) as domain:
        assert await domain.secrets.resolve(["API_KEY"]) == {"API_KEY": VALUE}
        key.rename(tmp_path / "lost.key")
    async with running_domain(settings, clock=clock) as domain:
        with pytest.raises(UnsupportedError, match="cannot be read"):
            await domain.secrets.resolve(["API_KEY"])
    assert not key.exists()


@pytest.mark.postgres
async def test_on_postgresql_a_secret_without_a_key_is_refused_with_advice(
    postgresql_template: str, clock: SteppingClock
) -> None:
    async with running_domain(Settings(database_url=postgresql_template, automations=False), clock=clock) as domain:
        with pytest.raises(UnsupportedError, match="INCIDENTQL_SECRET_KEY"):
            await make_secret(domain)
        with pytest.raises(NotFoundError):
            await domain.secrets.resolve(["API_KEY"])


def test_processes_that_need_a_key_at_once_make_one(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from domain.services.secret_keys import SecretKeys;"
        "sys.stdin.read(); print(SecretKeys.of(None, Path(sys.argv[1])).to_write().encrypt('N', 'value'))"
    )
    file = tmp_path / "x.key"
    started = [
        subprocess.Popen([sys.executable, "-c", script, file], stdin=-1, stdout=-1, text=True, cwd=ROOT)
        for _ in range(4)
    ]
    made = [process.communicate("")[0].strip() for process in started]
    cipher = SecretCipher([file.read_text().strip()])
    assert [cipher.decrypt("N", text) for text in made] == ["value"] * 4
    assert list(tmp_path.iterdir()) == [file]


def test_an_unusable_key_file_is_reported(tmp_path: Path) -> None:
    file = tmp_path / "x.key"
    with pytest.raises(UnsupportedError, match="cannot be made"):
        SecretKeys.of(None, tmp_path / "no" / "x.key").to_write()
    file.write_text("Dear diary")
    with pytest.raises(UnsupportedError, match="holds no Fernet key"):
        SecretKeys.of(None, file).to_write()


async def test_the_plaintext_is_neither_in_the_database_nor_in_the_log(
    domain: Domain, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = await make_secret(domain, "API_KEY", VALUE)
    for _ in range(3):
        await domain.secrets.replace(ADMIN, secret.id, value=VALUE)
    await domain.secrets.resolve(["API_KEY"])
    with pytest.raises(AlreadyExistsError) as caught:
        await make_secret(domain, "API_KEY", VALUE)
    stored = [str(caught.value), caplog.text]
    async with inside(domain).database._engines.reader.connect() as connection:
        stored += [str((await connection.execute(sa.select(table))).all()) for table in metadata.sorted_tables]
    if database_url.startswith("sqlite"):
        file = Path(database_url.removeprefix("sqlite:///"))
        stored += _contents(file)
        with closing(sqlite3.connect(file)) as dumping:
            stored += dumping.iterdump()
    assert "API_KEY" in "".join(stored)
    hidden = [VALUE, VALUE.encode().decode("latin-1"), "correct-horse", "Y29ycmVjdC1ob3JzZ"]
    assert [text for text in stored for form in hidden if form in text] == []


def _running(settings: Settings, clock: SteppingClock, key: str) -> AbstractAsyncContextManager[Domain]:
    return running_domain(replace(settings, secret_key=key), clock=clock)


def _file_settings(template: Path, folder: Path) -> Settings:
    (folder / "incidents.db").write_bytes(template.read_bytes())
    return Settings(database_url=f"sqlite:///{folder}/incidents.db", sqlite_synchronous="NORMAL", automations=False)


def _modes(folder: Path) -> dict[str, int | None]:
    return {
        path.name: stat.S_IMODE(path.stat().st_mode) if path.suffix == ".key" else None for path in folder.iterdir()
    }


def _contents(file: Path) -> list[str]:
    return [path.read_bytes().decode("latin-1") for path in file.parent.glob(f"{file.name}*")]
