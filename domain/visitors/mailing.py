"""The mail server that visitors' messages go through, and what its answers mean."""

import asyncio
import re
from contextlib import suppress
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from typing import Self
from urllib.parse import unquote, urlsplit

import aiosmtplib

from domain.errors import StartupError
from domain.webhooks.rules import Answer

#: For all of it, from connecting to the last answer; a mail server may look at a message for long.
_SECONDS = 45.0
_GOODBYE_SECONDS = 1.0
_PORTS = {"smtp": 587, "smtps": 465}
_PERMANENT = 500
#: No such mailbox (RFC 5321, 4.2.3). 554 and others say something about the message, or about this server.
_NO_MAILBOX = {550, 551, 553}
#: The class of a permanent failure (RFC 3463, 3): 1 is about the address, 2 about its mailbox.
_ENHANCED = re.compile(r"\s*5\.(\d{1,3})\.\d{1,3}")
_OF_ADDRESS = {"1", "2"}
_SENT = 250
_FORM = "smtp://user:password@mail.example.com:587, or smtps:// for TLS from the beginning"


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """A mail server with what it takes to use it."""

    host: str
    port: int
    has_tls: bool
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    sender: Address

    @classmethod
    def of(cls, url: str, sender: str | None) -> Self:
        """Return the server of a URL, which sends as that mailbox.

        Raises:
            StartupError: one of them cannot be read; the message quotes neither, as there is a password in the URL.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
        if not host or parts.scheme not in _PORTS or parts.path.strip("/") or parts.query or parts.fragment:
            raise StartupError(f"INCIDENTQL_MAIL_URL must be an address such as {_FORM}.")
        return cls(
            host=host,
            port=port or _PORTS[parts.scheme],
            has_tls=parts.scheme == "smtps",
            user=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            sender=_mailbox(sender),
        )


class Mailer:
    """The sender of mails, with a connection for each."""

    def __init__(self, server: MailServer, *, name: str, seconds: float = _SECONDS) -> None:
        self.server = server
        #: As which host it greets the server.
        self._name = name
        self._seconds = seconds

    async def send(self, mail: EmailMessage, *, to: str) -> Answer:
        """Send a mail once and return what became of it; where the answer is lost, it may have been sent."""
        began = asyncio.get_running_loop().time()
        content = mail.as_bytes()
        try:
            async with asyncio.timeout(self._seconds):
                await self._exchange(content, to)
        except (TimeoutError, aiosmtplib.SMTPException, OSError) as error:
            return _failed(error, size=len(content))
        return Answer(status=_SENT, seconds=asyncio.get_running_loop().time() - began, body_bytes=len(content))

    async def _exchange(self, content: bytes, to: str) -> None:
        server = self.server
        # Without `start_tls` it is taken where the server offers it.
        client = aiosmtplib.SMTP(
            hostname=server.host, port=server.port, use_tls=server.has_tls, local_hostname=self._name, timeout=None
        )
        try:
            await client.connect()
            if server.user is not None:
                if client.get_transport_info("ssl_object") is None:
                    raise _PlainError("offers no TLS, without which no password is sent")
                await client.login(server.user, server.password or "")
            await client.sendmail(server.sender.addr_spec, [to], content)
            # It is sent by now, whatever comes of the good-bye.
            with suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
                await client.quit(timeout=_GOODBYE_SECONDS)
        finally:
            client.close()


class _PlainError(aiosmtplib.SMTPException):
    """A mail server to which a password would go in plain text."""


def _failed(error: Exception, *, size: int) -> Answer:
    """Return what a failure means; no words of the server, which quote the address."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused) and error.recipients:
        return _refused(error.recipients[0], size=size)
    if isinstance(error, _PlainError):
        reason = f"the mail server {error}"
    elif isinstance(error, aiosmtplib.SMTPResponseException):
        reason = f"the mail server answered {error.code}"
    elif isinstance(error, aiosmtplib.SMTPTimeoutError | TimeoutError):
        reason = "the mail server did not answer in time"
    else:
        reason = "the mail server could not be reached, or broke off"
    # Only what it says of the message itself is final; who may log in, or send, an operator can put right.
    is_final = isinstance(error, aiosmtplib.SMTPDataError) and error.code >= _PERMANENT
    return Answer(reason=reason, body_bytes=size, is_final=is_final)


def _refused(error: aiosmtplib.SMTPRecipientRefused, *, size: int) -> Answer:
    found = _ENHANCED.match(error.message)
    is_gone = error.code in _NO_MAILBOX and (found is None or found[1] in _OF_ADDRESS)
    return Answer(reason=f"the mail server refused the address with {error.code}", body_bytes=size, is_gone=is_gone)


def _mailbox(text: str | None) -> Address:
    """Return a mailbox such as `Status <status@example.com>`."""
    found = re.fullmatch(r"\s*(?:([^<>]*)<([^<>@\s]+@[^<>@\s]+)>|([^<>@\s]+@[^<>@\s]+))\s*", text or "")
    try:
        if found is not None:
            return Address(display_name=(found[1] or "").strip().strip('"'), addr_spec=found[2] or found[3])
    except (ValueError, IndexError):
        pass
    raise StartupError("INCIDENTQL_MAIL_FROM must be a mailbox such as `Status <status@example.com>`.")
