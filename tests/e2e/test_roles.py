"""Starts with a role of PostgreSQL that has just the documented rights, or fewer."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from tests.e2e.clusters import Cluster, running_cluster
from tests.e2e.processes import run_command
from tests.e2e.server import api_of, running_server
from tests.e2e.test_startup import folder, is_one_line

pytestmark = [pytest.mark.postgres, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def cluster() -> AsyncIterator[Cluster]:
    """Start a PostgreSQL that asks every role but its superuser for a password."""
    async with running_cluster() as cluster:
        rules = "host all postgres 127.0.0.1/32 trust\nlocal all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
        file = cluster.folder / "data" / "pg_hba.conf"
        await asyncio.to_thread(file.write_text, rules)
        await cluster.reload()
        yield cluster


async def test_a_role_with_the_documented_rights_runs_the_whole_server(cluster: Cluster) -> None:
    await run(
        cluster,
        "CREATE ROLE little LOGIN PASSWORD 'secret'",
        "CREATE DATABASE little TEMPLATE template0",
        "REVOKE ALL ON DATABASE little FROM public",
        "GRANT CONNECT, CREATE ON DATABASE little TO little",
    )
    await run(
        cluster,
        "REVOKE ALL ON SCHEMA public FROM public",
        "GRANT USAGE, CREATE ON SCHEMA public TO little",
        database="little",
    )
    url = address(cluster, "little")
    # With automations and wake-ups: the engine's schema, advisory locks and LISTEN.
    async with running_server(url, broadcast_url=url) as server, api_of(server) as api:
        await api.create_system()
        await api.create_incident()
        assert server.stderr == ""


async def test_each_missing_right_stops_the_start_with_one_line(cluster: Cluster, tmp_path: Path) -> None:
    await run(
        cluster,
        "CREATE ROLE hindered LOGIN PASSWORD 'secret'",
        "CREATE DATABASE hindered TEMPLATE template0",
        "REVOKE ALL ON DATABASE hindered FROM public",
        "GRANT CONNECT ON DATABASE hindered TO hindered",
    )
    plain = address(cluster, "hindered")
    cases = {
        "a wrong password": (plain.replace("secret", "guess"), "password authentication failed"),
        "an unknown database": (address(cluster, "hindered", "nowhere"), '"nowhere" does not exist'),
        "another's database": (address(cluster, "hindered", "closed"), "permission denied for database"),
        "no right to create": (plain, "permission denied for schema public"),
        "no time": (f"{cluster.url}?options=-c%20statement_timeout%3D1ms", "statement timeout"),
    }
    await run(cluster, "CREATE DATABASE closed TEMPLATE template0", "REVOKE ALL ON DATABASE closed FROM public")
    outcomes = await asyncio.gather(
        *(
            run_command("serve", "--port", "0", "--database-url", url, folder=folder(tmp_path, name))
            for name, (url, _) in cases.items()
        )
    )
    wrong = {
        name: outcome
        for (name, (_, reason)), outcome in zip(cases.items(), outcomes, strict=True)
        if not is_one_line(outcome, reason)
    }
    assert wrong == {}


async def run(cluster: Cluster, *statements: str, database: str = "postgres") -> None:
    connection = await asyncpg.connect(address(cluster, "postgres", database))
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def address(cluster: Cluster, role: str, database: str | None = None) -> str:
    return f"postgresql://{role}:secret@127.0.0.1:{cluster.port}/{database or role}"
