"""TLS to the address that was checked, under the name that was called."""

import asyncio
import os
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from typing_extensions import override

from domain.automations.actions.http import HttpRequestConfig, HttpSender
from domain.errors import RequestFailedError
from tests.domain.automations.actions.calling import Names, make_caller
from tests.domain.automations.actions.servers import Server, as_json

NAME = "hooks.test"


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Return a certificate for the name, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(subject_name=name, issuer_name=name, public_key=key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = tmp_path / "certificate.pem"
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM) + key.private_bytes(*form))
    return file


class Spoiler(Server):
    """A server that sends what is no TLS once the handshake is over."""

    @override
    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Spoil the connection."""
        os.write(writer.get_extra_info("socket").fileno(), b"HTTP/1.1 200 So\r\n\r\n")
        writer.close()


async def _send(certificate: Path, host: str, *, server: Server | None = None) -> tuple[object, list[str | None]]:
    """Return the answer under that name, and the names that the server was called by."""
    server_names: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.sni_callback = lambda _socket, name, _context: server_names.append(name)
    server = server or Server([as_json("ok")])
    listening = await asyncio.start_server(server.handle, "127.0.0.1", 0, ssl=context)
    url = f"https://{host}:{listening.sockets[0].getsockname()[1]}/"
    sender = HttpSender(make_caller(names=Names(["127.0.0.1"])))
    try:
        return (await sender.send(HttpRequestConfig(url=url, retries=0), idempotency_key="k")).body, server_names
    finally:
        listening.close()


async def test_tls_verifies_the_name_while_the_address_is_called(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert await _send(certificate, NAME) == ("ok", [NAME])


async def test_a_certificate_for_another_name_is_refused(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with pytest.raises(RequestFailedError, match="no certificate to trust"):
        await _send(certificate, "other.test")


async def test_an_untrusted_certificate_is_refused(certificate: Path) -> None:
    with pytest.raises(RequestFailedError, match="no certificate to trust"):
        await _send(certificate, NAME)


async def test_a_server_that_breaks_tls_off_behind_the_handshake_fails_like_any_other(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As one does that wants a certificate of ours: TLS 1.3 has that refused where the answer is read.
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with pytest.raises(RequestFailedError, match="broke the connection off"):
        await _send(certificate, NAME, server=Spoiler([]))
