"""TLS to PostgreSQL, as hosted databases require it."""

import asyncio
import os
import shutil
from pathlib import Path

import asyncpg
import pytest

from tests.e2e.clusters import Cluster, running_cluster
from tests.e2e.processes import run_command
from tests.e2e.server import api_of, running_server

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl on PATH"),
]


async def test_a_server_speaks_tls_as_its_url_says(tmp_path: Path) -> None:
    async with running_cluster() as cluster:
        certificate = await _secure(cluster)
        verified = f"{cluster.url}?sslmode=verify-full&sslrootcert={certificate}&application_name=over-tls"
        async with running_server(verified, broadcast_url=verified) as server, api_of(server) as api:
            await api.create_system()
            # The pool, the engine's connections, the slots' and the listener's: all of them.
            assert await _unsafe(cluster) == []
        refused = await run_command("migrate", "--database-url", f"{cluster.url}?sslmode=disable", folder=tmp_path)
        assert refused[0] == 2
        assert refused[2].count("\n") == 1
        assert "no encryption" in refused[2]


async def _secure(cluster: Cluster) -> Path:
    key, certificate = cluster.folder / "server.key", cluster.folder / "server.crt"
    process = await asyncio.create_subprocess_exec(
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"),
        *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
        *("-keyout", str(key), "-out", str(certificate)),
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert await process.wait() == 0
    key.chmod(0o600)
    if os.geteuid() == 0:
        shutil.chown(key, "postgres")
    cluster.set("ssl = on", f"ssl_cert_file = '{certificate}'", f"ssl_key_file = '{key}'")
    (cluster.folder / "data" / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 trust\nlocal all all trust\n")
    await cluster.stop()
    await cluster.start()
    return certificate


async def _unsafe(cluster: Cluster) -> list[str]:
    watcher = await asyncpg.connect(f"{cluster.url}?sslmode=require")
    try:
        rows = await watcher.fetch(
            "SELECT application_name, ssl FROM pg_stat_activity JOIN pg_stat_ssl USING (pid) "
            "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
    finally:
        await watcher.close()
    assert len(rows) >= 4
    return [row["application_name"] for row in rows if not row["ssl"] or row["application_name"] != "over-tls"]
