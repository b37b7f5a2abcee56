"""The messages to visitors, as mail and as bodies for webhooks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy
from typing import Any, Final
from urllib.parse import urlsplit

import orjson
from typing_extensions import override

from domain.model.moment import iso
from domain.visitors.announcements import Announcement
from domain.webhooks.bodies import Body
from domain.webhooks.cloudevents import CONTENT_TYPE, SOURCE

_TYPES = "dev.incidentql.public"
_HOURS = 24
#: The names that a confirmation lists.
_MOST_NAMES = 20


class _AsGiven(EmailPolicy):
    """A policy that takes texts as they are, and leaves addresses and ids whole.

    The library would decode "encoded words" (RFC 2047) in them: line ends of a title written so would begin headers of
    its author's choice. And it would encode addresses and ids that are too long for a line, which nothing reads then.
    They are in ASCII, without spaces, and far shorter than the 998 that lines may have.
    """

    _WHOLE = frozenset({"to", "list-unsubscribe", "message-id", "references"})
    _TEXTS = frozenset({"subject"})

    @override
    def header_store_parse(self, name: str, value: Any) -> tuple[str, Any]:
        if name.lower() not in self._WHOLE | self._TEXTS:
            return super().header_store_parse(name, value)
        if len(value.splitlines()) != 1:
            raise ValueError(f"{name} must be one line")
        return name, value

    @override
    def fold_binary(self, name: str, value: Any) -> bytes:
        if name.lower() in self._WHOLE:
            return f"{name}: {value}{self.linesep}".encode("ascii")
        if name.lower() in self._TEXTS:
            # What could be read as an encoded word is encoded itself.
            charset = "us-ascii" if value.isascii() and "=?" not in value else "utf-8"
            encoded = Header(value, charset, header_name=name).encode(linesep=self.linesep)
            return f"{name}: {encoded}{self.linesep}".encode()
        return super().fold_binary(name, value)


_POLICY: Final = _AsGiven(linesep=SMTP.linesep)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The status page, as visitors know it."""

    name: str
    #: Its address, without a slash at the end.
    url: str

    @property
    def host(self) -> str:
        """The host of its address, which ids of mails end with."""
        return urlsplit(self.url).hostname or "localhost"

    def page_url(self, reference: str | None = None) -> str:
        """Return the address of the status page, or of an incident on it."""
        return f"{self.url}/status" if reference is None else f"{self.url}/status/{reference}"

    def confirm_url(self, token: str) -> str:
        """Return the link that confirms a subscription."""
        return f"{self.url}/subscriptions/confirm?token={token}"

    def leave_url(self, token: str) -> str:
        """Return the link that ends a subscription."""
        return f"{self.url}/subscriptions/leave?token={token}"


def about(names: Sequence[str]) -> str:
    """Return the words for the systems that were asked for, none for all of them."""
    if not names:
        return ""
    more = len(names) - _MOST_NAMES
    return f" about {', '.join(names[:_MOST_NAMES])}{f' and {more} more' if more > 0 else ''}"


def confirmation_mail(
    site: Site, *, sender: Address, to: str, message_id: str, at: datetime, confirm: str, systems: Sequence[str]
) -> EmailMessage:
    """Return the mail that asks the owner of an address whether they want messages about some systems, or about all."""
    mail = _mail(site, sender=sender, to=to, message_id=message_id, at=at, subject="Please confirm your subscription")
    mail.set_content(
        f"Somebody, most likely you, asked for messages of {site.name}{about(systems)} to this address.\n\n"
        f"To get them, follow this link within {_HOURS} hours, and confirm there:\n\n{site.confirm_url(confirm)}\n\n"
        "If it was not you, do nothing: you get no messages then.\n"
    )
    return mail


def announcement_mail(
    site: Site, announcement: Announcement, *, sender: Address, to: str, message_id: str, at: datetime, leave: str
) -> EmailMessage:
    """Return the mail with an announcement; mail programs show a button to leave (RFC 8058)."""
    mail = _mail(site, sender=sender, to=to, message_id=message_id, at=at, subject=announcement.headline)
    # All mails about one incident or window are one conversation.
    mail["References"] = f"<{announcement.entity_id}@{site.host}>"
    mail["List-Unsubscribe"] = f"<{site.leave_url(leave)}>"
    mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    ending = (
        f"-- \nYou get this because you subscribed to {site.name}: {site.page_url()}\n"
        f"To leave: {site.leave_url(leave)}\n"
    )
    page = site.page_url(announcement.reference)
    mail.set_content("\n\n".join([announcement_text(announcement), page, ending]))
    return mail


def announcement_text(announcement: Announcement) -> str:
    """Return an announcement as plain text."""
    texts = [f"{text.at:%Y-%m-%d %H:%M} UTC\n{text.message}" for text in announcement.texts]
    return "\n\n".join([announcement.headline, "\n".join(announcement.facts), *texts])


def confirmation_body(
    site: Site, *, message_id: str, confirm: str, secret: str, at: datetime, systems: Sequence[str]
) -> Body:
    """Return the body that asks the owner of a webhook whether they want messages about some systems, or about all."""
    text = (
        f"Somebody asked for messages of {site.name}{about(systems)} to this address. To get them, confirm within "
        f"{_HOURS} hours: {site.confirm_url(confirm)}"
    )
    data = {"confirmUrl": site.confirm_url(confirm), "secret": secret, "systems": list(systems)}
    return _body(f"{_TYPES}.subscription.confirm.v1", message_id, at=at, text=text, data=data)


def announcement_body(site: Site, announcement: Announcement, *, message_id: str, leave: str) -> Body:
    """Return the body with an announcement."""
    data = {
        "headline": announcement.headline,
        **announcement.data,
        "pageUrl": site.page_url(announcement.reference),
        "leaveUrl": site.leave_url(leave),
    }
    kind = f"{_TYPES}.{announcement.type}.v1"
    subject = f"{announcement.type.partition('.')[0]}/{announcement.entity_id}"
    return _body(kind, message_id, at=announcement.at, text=announcement_text(announcement), data=data, subject=subject)


def _body(
    kind: str, message_id: str, *, at: datetime, text: str, data: dict[str, Any], subject: str | None = None
) -> Body:
    event = {
        "specversion": "1.0",
        "id": message_id,
        "source": SOURCE,
        "type": kind,
        **({"subject": subject} if subject else {}),
        "time": iso(at),
        "datacontenttype": "application/json",
        # An attribute beside the data, where chat rooms look for what to show.
        "text": text,
        "data": data,
    }
    return Body(content=orjson.dumps(event), content_type=CONTENT_TYPE)


def _mail(site: Site, *, sender: Address, to: str, message_id: str, at: datetime, subject: str) -> EmailMessage:
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = sender
    mail["To"] = to
    mail["Date"] = at
    mail["Subject"] = f"[{site.name}] {subject}"
    # The same for every attempt: a mailbox may drop a repeat.
    mail["Message-ID"] = f"<{message_id}@{site.host}>"
    # No answers by machines on holiday (RFC 3834, 5).
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Notification-Id"] = message_id
    return mail
