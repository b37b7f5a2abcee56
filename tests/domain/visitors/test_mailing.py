"""The mail server: how it is written in the settings, and what its answers mean."""

import asyncio
from dataclasses import replace
from email import message_from_bytes
from email.headerregistry import Address
from email.policy import default

import pytest

from domain.errors import StartupError
from domain.visitors.announcements import Announcement
from domain.visitors.mailing import Mailer, MailServer
from domain.visitors.messages import Site, announcement_mail, confirmation_mail
from domain.visitors.news import NewsType
from domain.webhooks.rules import Answer
from tests.conftest import SteppingClock
from tests.domain.visitors.mailbox import Mailbox

SENDER = "Status <status@example.com>"


async def sent(url: str, *, to: str = "ann@example.org", seconds: float = 30) -> Answer:
    """Return what became of a mail through that server."""
    site = Site(name="Acme", url="https://status.example.com")
    mailer = Mailer(MailServer.of(url, SENDER), name=site.host, seconds=seconds)
    mail = confirmation_mail(
        site,
        sender=mailer.server.sender,
        to=to,
        message_id="vsd_1",
        at=SteppingClock().now(),
        confirm="token",
        systems=(),
    )
    return await mailer.send(mail, to=to)


@pytest.mark.parametrize(
    ("url", "host", "port", "has_tls", "user", "password"),
    [
        ("smtp://mail.example.com", "mail.example.com", 587, False, None, None),
        ("smtps://mail.example.com", "mail.example.com", 465, True, None, None),
        ("smtp://me%40example.com:p%3Aw@mail.example.com:25/", "mail.example.com", 25, False, "me@example.com", "p:w"),
    ],
)
def test_a_mail_server_is_read_from_its_url(
    url: str, host: str, port: int, *, has_tls: bool, user: str | None, password: str | None
) -> None:
    server = MailServer.of(url, SENDER)
    read = (server.host, server.port, server.has_tls, server.user, server.password)
    assert read == (host, port, has_tls, user, password)
    assert server.sender == Address("Status", addr_spec="status@example.com")
    assert "p:w" not in repr(server)


@pytest.mark.parametrize(
    "url",
    [
        "mail.example.com",
        "http://mail.example.com",
        "smtp://",
        "smtp://h:port",
        "smtp://h/path",
        "smtp://h?tls=no",
        "smtp://[",
    ],
)
def test_a_url_of_no_mail_server_stops_the_start_without_its_password(url: str) -> None:
    with pytest.raises(StartupError) as failure:
        MailServer.of(url.replace("//", "//me:hunter2@"), SENDER)
    assert "INCIDENTQL_MAIL_URL" in failure.value.message
    assert "hunter2" not in failure.value.message


@pytest.mark.parametrize("sender", [None, "", "status", "a@b, c@d", "Status <status>", "a@b\nBcc: c@d"])
def test_what_is_no_mailbox_stops_the_start(sender: str | None) -> None:
    with pytest.raises(StartupError) as failure:
        MailServer.of("smtp://mail.example.com", sender)
    assert "INCIDENTQL_MAIL_FROM" in failure.value.message


async def test_a_mail_that_is_taken_is_sent(box: Mailbox) -> None:
    answer = await sent(f"smtp://127.0.0.1:{box.port}")
    assert (answer.is_success, answer.body_bytes) == (True, len(box.received[0].raw))


async def test_no_password_is_sent_in_plain_text(box: Mailbox) -> None:
    answer = await sent(f"smtp://me:hunter2@127.0.0.1:{box.port}")
    assert (answer.is_success, answer.is_final, answer.is_gone) == (False, False, False)
    assert answer.reason == "the mail server offers no TLS, without which no password is sent"
    assert box.received == []


@pytest.mark.parametrize(
    ("answer", "is_gone"),
    [
        ("550 5.1.1 No such user", True),
        ("550 No such user", True),
        ("553 5.1.3 Bad address", True),
        ("550 5.2.1 Mailbox disabled", True),
        ("550 5.7.1 Blocked", False),
        ("554 5.7.1 Relay access denied", False),
        ("552 5.2.2 Over quota", False),
        ("450 4.2.1 Greylisted", False),
    ],
)
async def test_only_an_address_that_is_no_more_is_gone(box: Mailbox, answer: str, *, is_gone: bool) -> None:
    box.refusal = lambda _to: answer
    found = await sent(f"smtp://127.0.0.1:{box.port}")
    assert (found.is_success, found.is_gone) == (False, is_gone)
    assert found.reason == f"the mail server refused the address with {answer[:3]}"


async def test_a_server_that_cannot_be_reached_is_a_failure_that_passes() -> None:
    answer = await sent("smtp://127.0.0.1:1")
    assert (answer.reason, answer.is_final) == ("the mail server could not be reached, or broke off", False)


async def test_a_server_that_never_answers_is_given_up() -> None:
    over = asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        await writer.wait_closed()
        over.set()

    silent = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    async with silent:
        answer = await sent(f"smtp://127.0.0.1:{silent.sockets[0].getsockname()[1]}", seconds=0.2)
        await over.wait()
    assert (answer.reason, answer.is_final) == ("the mail server did not answer in time", False)


@pytest.mark.parametrize(
    "headline",
    [
        *(
            "=?utf-8?q?a=0D=0ABcc=3A_b=40c.example?= b",
            "=?utf-8?b?YQpCY2M6IGI=?=",
            "=?utf-7?q?+AA0ACg-Bcc:b?=",
            "=?",
            "?=",
        ),
        *("=?utf-8?q?=ff=fe?=", "=?rot13?q?abc?=", "=?x?x?x?= =?=?=", "Search is slow", "x" * 200, "\u00e4 " * 100),
        *("\U0001f600" * 150, " a  b\tc", "Bcc: b@c.example", "a, b; <c@d.example>", '"'),
    ],
)
def test_no_title_becomes_anything_but_the_subject(headline: str) -> None:
    at, site = SteppingClock().now(), Site(name="Acme =?utf-8?q?=0A?=", url="https://status.example.com")
    announcement = Announcement(
        type=NewsType.OPENED, entity_id="inc_1", headline=headline, facts=(), texts=(), data={}, at=at
    )
    ann = "ann@example.org"
    common = {"sender": Address("Status", addr_spec="status@example.com"), "to": ann, "message_id": "vsd_1", "at": at}
    plain = announcement_mail(site, replace(announcement, headline="A"), **common, leave="token")  # type: ignore[arg-type]
    mail = announcement_mail(site, announcement, **common, leave="token")  # type: ignore[arg-type] # as above
    read = message_from_bytes(mail.as_bytes().partition(b"\r\n\r\n")[0] + b"\r\n\r\n", policy=default)
    assert read.keys() == plain.keys()
    assert (read["To"], str(read["Subject"])) == (ann, f"[{site.name}] {headline}")
    assert max(map(len, mail.as_bytes().splitlines())) < 998
