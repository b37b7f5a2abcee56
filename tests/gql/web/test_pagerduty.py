"""PagerDuty's own client, with nothing changed but its host: as the page on integrations has it."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pagerduty
import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from domain.bootstrap import Domain
from domain.model.incident import Severity, Status
from gql.app import create_app
from tests.docs.blocks import blocks_in
from tests.domain.alerts.sending import incidents_of
from tests.gql.web.test_integrations import made

[EXAMPLE] = [block for block in blocks_in("python") if block.page.name == "integrations.md"]
_FOR_EXAMPLE = 'base_url="https://incidents.example.com"'


def certificate(folder: Path) -> Path:
    """Write a key and a certificate of a local host: the client speaks nothing but TLS."""
    key, name = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]),
    )
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = (
        builder.serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    )
    file = folder / "server.pem"
    plain = serialization.NoEncryption()
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    signed = builder.sign(key, hashes.SHA256()).public_bytes(pem)
    file.write_bytes(key.private_bytes(pem, form, plain) + signed)
    return file


@asynccontextmanager
async def serving(domain: Domain, folder: Path) -> AsyncIterator[str]:
    """Serve the application over TLS, and yield its address."""
    file = str(certificate(folder))
    config = uvicorn.Config(
        create_app(domain), port=0, ssl_keyfile=file, ssl_certfile=file, lifespan="off", log_config=None
    )
    config.load()
    assert isinstance(config.ssl, ssl.SSLContext)
    protocol: Any = config.http_protocol_class
    server = await asyncio.get_running_loop().create_server(
        lambda: protocol(config=config, server_state=uvicorn.server.ServerState(), app_state={}),
        "127.0.0.1",
        0,
        ssl=config.ssl,
    )
    try:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()


async def test_the_client_triggers_acknowledges_and_resolves(domain: Domain, tmp_path: Path) -> None:
    _, token = await made(domain, "pagerduty")
    async with serving(domain, tmp_path) as url:
        text = EXAMPLE.text.replace("<token>", token).replace(_FOR_EXAMPLE, f'base_url="{url}", verify=False')
        names: dict[str, Any] = {}
        await asyncio.to_thread(exec, text, names)
        [incident] = await incidents_of(domain)
        assert (incident.title, incident.severity, incident.status) == (
            "Disk of db-1 is full",
            Severity.MAJOR,
            Status.RESOLVED,
        )
        assert incident.dedupe_key == names["key"]
        assert incident.acknowledged_by == incident.opened_by
        [system] = (await domain.reads.systems(incident.system_ids)).values()
        assert system.key == "payments"
        await asyncio.to_thread(names["client"].close)


async def test_the_client_repeats_one_alert_and_sees_why_it_is_refused(domain: Domain, tmp_path: Path) -> None:
    _, token = await made(domain, "pagerduty")
    async with serving(domain, tmp_path) as url:
        with pagerduty.EventsApiV2Client(token, base_url=url, verify=False) as client:
            keys = [await asyncio.to_thread(client.trigger, "Down", "db-2", "db-2") for _ in range(3)]
        with (
            pagerduty.EventsApiV2Client("f" * 32, base_url=url, verify=False) as wrong,
            pytest.raises(pagerduty.HttpError) as refused,
        ):
            await asyncio.to_thread(wrong.trigger, "Down", "db-2")
    assert keys == ["db-2"] * 3
    assert len(await incidents_of(domain)) == 1
    assert refused.value.response is not None
    assert refused.value.response.json()["errors"] == ["Invalid routing key"]
