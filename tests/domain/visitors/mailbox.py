"""A mail server that keeps what it is sent, and refuses what tests say: a real one, on a port of its own."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from types import SimpleNamespace
from typing import Any

from aiosmtpd.smtp import SMTP


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One mail that was taken."""

    to: str
    message: EmailMessage
    raw: bytes

    @property
    def id(self) -> str:
        """The part of its id that this server chose."""
        return str(self.message["Message-ID"]).strip("<>").partition("@")[0]

    @property
    def subject(self) -> str:
        """Its subject, decoded."""
        return str(self.message["Subject"])

    @property
    def text(self) -> str:
        """Its text, decoded."""
        return str(self.message.get_content()).replace("\r\n", "\n")

    def link(self, which: str) -> str:
        """Return the token in its link to `confirm` or to `leave`."""
        return self.text.partition(f"/subscriptions/{which}?token=")[2].split()[0]


class Mailbox:
    """A mail server: the mails that it was sent, and its answers."""

    def __init__(self) -> None:
        self.port = 0
        self.received: list[Mail] = []
        #: Set whenever a mail came.
        self.came = asyncio.Event()
        #: The answers to an address, and to a mail; None takes it.
        self.refusal: Callable[[str], str | None] = lambda _to: None
        self.data_refusal: str | None = None
        #: The answer to a mail is held back until this is set.
        self.until: asyncio.Event | None = None

    @property
    def subjects(self) -> list[str]:
        """The subjects of all that was taken, without the name of the page."""
        return [mail.subject.partition("] ")[2] for mail in self.received]

    async def handle_RCPT(  # noqa: N802 - the library's name
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: list[str]
    ) -> str:
        """Answer to an address."""
        refusal = self.refusal(address)
        if refusal is not None:
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - the library's name
        """Answer to a mail."""
        if self.data_refusal is not None:
            return self.data_refusal
        message = message_from_bytes(envelope.content, policy=default)
        assert isinstance(message, EmailMessage)
        self.received.append(Mail(to=envelope.rcpt_tos[0], message=message, raw=envelope.content))
        self.came.set()
        if self.until is not None:
            await self.until.wait()
        return "250 OK"


@asynccontextmanager
async def mailbox(box: Mailbox | None = None) -> AsyncIterator[Mailbox]:
    """Yield a mail server that is running; it takes everything."""
    box = box or Mailbox()
    loop = asyncio.get_running_loop()
    # The library reads all attributes of its handler for each connection, also those that take long.
    handler = SimpleNamespace(handle_RCPT=box.handle_RCPT, handle_DATA=box.handle_DATA)
    server = await loop.create_server(lambda: SMTP(handler, hostname="mail.test", loop=loop), "127.0.0.1", 0)
    async with server:
        box.port = server.sockets[0].getsockname()[1]
        yield box
