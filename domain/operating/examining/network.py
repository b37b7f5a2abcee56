"""The examination of other servers: the broadcaster, the issuer of tokens, and the mail server."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiosmtplib
from cryptography import x509
from redis.asyncio import Redis
from redis.exceptions import RedisError

from domain.derived import wakeup_url
from domain.errors import DomainError, StartupError
from domain.messaging.wakeups import ALONE, WakeUps
from domain.operating.examining.results import Result, ok, problem, warning
from domain.persistence.addresses import postgres_address
from domain.services.jwks import download_keys
from domain.settings import Settings
from domain.visitors.mailing import MailServer

#: The examination as a whole is cut off a little later.
_SECONDS = 4.0
_SOON = timedelta(days=30)
_CERTIFICATES = ("sslrootcert", "sslcert", "sslkey")


async def examine_broadcaster(settings: Settings) -> Sequence[Result]:
    """Examine the broadcaster by a wake-up of this process's own; servers look at the log for it, and find nothing."""
    part = "broadcaster"
    if settings.broadcast_url == ALONE:
        return []
    if settings.broadcast_url.startswith("redis"):
        try:
            async with Redis.from_url(settings.broadcast_url, socket_connect_timeout=_SECONDS) as redis:
                # Besides wake-ups it counts the rates of callers.
                await redis.ping()  # type: ignore[misc]  # its type is that of both clients, also of the one that waits
        except (RedisError, OSError, ValueError) as error:
            return [problem(part, f"Redis does not answer: {error}", "Check BROADCAST_URL, and whether Redis runs.")]
    try:
        heard, connected = asyncio.Event(), asyncio.Event()
        wakeups = WakeUps(wakeup_url(settings), lambda: heard.set() if connected.is_set() else connected.set())
    except DomainError as error:
        return [problem(part, error.message, "A server would not start.")]
    await wakeups.start()
    try:
        async with asyncio.timeout(_SECONDS):
            await connected.wait()
            wakeups.announce()
            await heard.wait()
    except TimeoutError:
        return [problem(part, f"no wake-up came back within {_SECONDS:g} s.", "Events would be late by POLL_SECONDS.")]
    finally:
        await wakeups.stop()
    return [ok(part, "a wake-up came back.")]


async def examine_issuer(settings: Settings) -> Sequence[Result]:
    """Examine the issuer of tokens by reading its keys."""
    if not settings.oidc_issuer:
        return []
    try:
        keys = await asyncio.to_thread(download_keys, settings.oidc_issuer, settings.oidc_jwks_url)
        count = len(keys["keys"])
    except Exception as error:  # noqa: BLE001 - whatever is wrong with it is the result
        return [
            problem("OIDC issuer", f"its keys cannot be read: {error}", "Nobody with its tokens gets in: check it.")
        ]
    if not count:
        return [problem("OIDC issuer", "it has no keys.", "Nobody with its tokens gets in: check OIDC_JWKS_URL.")]
    return [ok("OIDC issuer", f"its {count} keys can be read.")]


async def examine_mail(settings: Settings) -> Sequence[Result]:
    """Examine the mail server by logging in, without a message."""
    if not settings.mail_url:
        return []
    try:
        server = MailServer.of(settings.mail_url, settings.mail_from)
    except StartupError:
        return []  # told by the examination of settings
    part, advice = f"mail server {server.host}:{server.port}", "Messages to visitors would wait: check MAIL_URL."
    try:
        has_tls = await _logged_in(server)
    except aiosmtplib.SMTPResponseException as error:
        return [problem(part, f"answered {error.code}.", advice)]
    except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
        return [problem(part, f"cannot be used: {str(error) or type(error).__name__}", advice)]
    if not has_tls:
        return [warning(part, "answers, and offers no TLS.", "Mails go out in plain text: use a server with TLS.")]
    return [ok(part, "answers, with TLS.")]


async def _logged_in(server: MailServer) -> bool:
    """Log in at a mail server and leave, and return whether that was over TLS."""
    client = aiosmtplib.SMTP(hostname=server.host, port=server.port, use_tls=server.has_tls, timeout=_SECONDS)
    try:
        await client.connect()
        has_tls = client.get_transport_info("ssl_object") is not None
        if server.user is not None:
            if not has_tls:
                raise aiosmtplib.SMTPException("it offers no TLS, without which no password is sent")
            await client.login(server.user, server.password or "")
        with suppress(aiosmtplib.SMTPException):
            await client.quit()
    finally:
        client.close()
    return has_tls


async def examine_certificates(settings: Settings) -> Sequence[Result]:
    """Examine the files that the addresses of PostgreSQL name for TLS."""
    return await asyncio.to_thread(_certificates, settings)


def _certificates(settings: Settings) -> list[Result]:
    results: dict[str, Result] = {}
    bases = (settings.database_url, settings.direct_database_url, settings.read_url)
    for url in (*bases, settings.broadcast_url):
        try:
            named = postgres_address(url).parameters if url and url.startswith("postgres") else {}
        except StartupError:
            continue
        for name in _CERTIFICATES:
            file = named.get(name)
            if file and file != "system":
                results[file] = _certificate(Path(file), name)
    return list(results.values())


def _certificate(file: Path, name: str) -> Result:
    part = f"TLS {name}"
    try:
        data = file.read_bytes()
        ends = [each.not_valid_after_utc for each in x509.load_pem_x509_certificates(data)] if name != "sslkey" else []
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no certificate in PEM form"
        return problem(part, f"{file} cannot be read: {reason}.", "Connections would fail: check the file.")
    if not ends:
        return ok(part, f"{file} can be read.")
    left = min(ends) - datetime.now(UTC)
    if left <= timedelta():
        return problem(part, f"{file} expired {-left.days} days ago.", "Connections fail: renew it.")
    if left < _SOON:
        return warning(part, f"{file} expires in {left.days} days.", "Renew it.")
    return ok(part, f"{file} is valid for {left.days} days.")
