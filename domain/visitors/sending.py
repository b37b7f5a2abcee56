"""The sending of one message to a visitor: made of what the public may read at that moment."""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any

from domain.clock import Clock
from domain.model.change import Change
from domain.model.visitor import VisitorDelivery, VisitorKind, VisitorSubscription
from domain.persistence.database import Database
from domain.persistence.unit_of_work import ReadSession
from domain.persistence.webhooks import Sealed
from domain.visitors import messages
from domain.visitors.announcements import Announcement, announcement_of, names_of
from domain.visitors.mailing import Mailer
from domain.visitors.messages import Site
from domain.visitors.sealing import Opened, Seals
from domain.webhooks.bodies import Body
from domain.webhooks.cloudevents import traceparent_of
from domain.webhooks.rules import Answer
from domain.webhooks.sending import Message, Sender

#: Sends what is prepared; only that may be cut off.
Prepared = Callable[[], Coroutine[Any, Any, Answer]]
#: What a message is made of: an announcement, or for a confirmation the names of the systems that were asked for.
Made = Announcement | Sequence[str]


class VisitorSender:
    """The sender of messages to visitors, by what the settings allow."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        seals: Seals,
        site: Site | None,
        mailer: Mailer | None,
        hooks: Sender | None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._site = site
        self._mailer = mailer
        self.seals = seals
        #: The sender of webhooks; None where those are off.
        self.hooks = hooks

    @property
    def kinds(self) -> tuple[VisitorKind, ...]:
        """The kinds of messages that this server can send; none without an address for their links."""
        if self._site is None or not self.seals.can_seal:
            return ()
        able = {VisitorKind.MAIL: self._mailer, VisitorKind.WEBHOOK: self.hooks}
        return tuple(kind for kind, by in able.items() if by is not None)

    async def prepare(self, subscription: VisitorSubscription, delivery: VisitorDelivery) -> Prepared | None:
        """Make a message, and return what sends it; None where there is nothing to send any more.

        Raises:
            UnsupportedError: the server lacks the key that the address was encrypted with.
            UnavailableError: the database is away.
        """
        site, opened = self._site, await self.seals.open(subscription)
        assert site is not None
        made: Made | None
        if delivery.change_id is None:
            made = await self._database.read(lambda session: names_of(session, subscription.asked_system_ids))
        else:
            made = await self._announcement(delivery.change_id)
        if made is None:
            return None
        if subscription.kind is VisitorKind.MAIL:
            return self._prepared_mail(site, opened, delivery, made)
        return await self._prepared_hook(site, subscription, opened, delivery, made)

    async def _announcement(self, change_id: str) -> Announcement | None:
        async def read(session: ReadSession) -> Announcement | None:
            change: Change | None = (await session.changes.get_many([change_id])).get(change_id)
            return None if change is None else await announcement_of(session, change)

        return await self._database.read(read)

    def _prepared_mail(self, site: Site, opened: Opened, delivery: VisitorDelivery, made: Made) -> Prepared:
        mailer = self._mailer
        assert mailer is not None
        common: dict[str, Any] = {
            "sender": mailer.server.sender,
            "to": opened.address,
            "message_id": delivery.id,
            "at": delivery.created_at,
        }
        if isinstance(made, Announcement):
            mail = messages.announcement_mail(site, made, **common, leave=opened.leave)
        else:
            mail = messages.confirmation_mail(site, **common, confirm=opened.confirm, systems=made)
        return lambda: mailer.send(mail, to=opened.address)

    async def _prepared_hook(
        self,
        site: Site,
        subscription: VisitorSubscription,
        opened: Opened,
        delivery: VisitorDelivery,
        made: Made,
    ) -> Prepared:
        hooks, sealed = self.hooks, Sealed(secret=subscription.sealed_secret or "", former=None)
        assert hooks is not None
        message = Message(
            webhook_id=subscription.id,
            id=delivery.id,
            url=opened.address,
            body=Body(content=b"", content_type=""),
            traceparent=traceparent_of(delivery.change_id or delivery.id),
            sealed=sealed,
            signs_twice=False,
        )
        if isinstance(made, Announcement):
            body = messages.announcement_body(site, made, message_id=delivery.id, leave=opened.leave)
        else:
            [secret] = await hooks.secrets.open(message)
            body = messages.confirmation_body(
                site,
                message_id=delivery.id,
                confirm=opened.confirm,
                secret=secret,
                at=delivery.created_at,
                systems=made,
            )
        return lambda: hooks.send(replace(message, body=body))
