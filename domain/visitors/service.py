"""The use cases of visitors: to subscribe, to confirm and to leave; and of admins, who see and remove subscriptions."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import httpx

from domain.clock import Clock
from domain.errors import (
    AddressRefusedError,
    InvalidInputError,
    NotFoundError,
    UnknownSystemError,
    UnsupportedError,
)
from domain.ids import is_id, new_id
from domain.model.audit import AuditAction, AuditKind, Unnamed
from domain.model.incident import SYSTEMS_PER_INCIDENT
from domain.model.paging import Page, PageRequest
from domain.model.viewer import Viewer
from domain.model.visitor import VisitorKind, VisitorState, VisitorSubscription
from domain.outbound.addresses import literal_address
from domain.persistence.database import Database
from domain.persistence.unit_of_work import ReadSession, UnitOfWork
from domain.services.auditing import audit
from domain.services.ciphers import SecretCipher
from domain.services.writing import Outcome, Writer
from domain.visitors.addresses import checked_mail, checked_webhook, masked
from domain.visitors.announcements import names_of
from domain.visitors.asking import QUIET, Asked, ask, count_request
from domain.visitors.sealing import Opened, addressed_by, sealed_by, token_digest
from domain.visitors.sending import VisitorSender
from domain.webhooks.signing import fresh_secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscribe:
    """A command to send messages to an address, about some systems, by key or id, or about all of them."""

    kind: VisitorKind
    address: str
    systems: Sequence[str] = ()
    #: Where it comes from, as requests are counted; empty where that is unknown.
    network: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownVisitor:
    """A subscription as admins see it."""

    subscription: VisitorSubscription
    #: Enough of the address to recognize it; None where the server lacks the key that it was encrypted with.
    address: str | None

    @property
    def id(self) -> str:
        """The id of the subscription."""
        return self.subscription.id


class VisitorService:
    """The use cases of visitors. Like webhooks, they are not in the log; what they are notified of is."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        writer: Writer,
        sender: VisitorSender,
        wake: asyncio.Event,
        is_open: bool,
    ) -> None:
        self._database = database
        self._clock = clock
        self._writer = writer
        self._sender = sender
        self._seals = sender.seals
        self._wake = wake
        self._is_open = is_open

    def kinds(self) -> tuple[VisitorKind, ...]:
        """Return the kinds of subscriptions that visitors can have here; none where only callers with a token read."""
        return self._sender.kinds if self._is_open else ()

    async def subscribe(self, command: Subscribe) -> None:
        """Send a confirmation to an address, unless it was sent one lately; the caller does not learn which.

        Its link puts the newly chosen systems in the place of the former ones, where there is a subscription.

        Raises:
            UnsupportedError: there are no subscriptions of that kind here.
            InvalidInputError: the address is none, or that of a machine inside the network. A name that leads there is
                accepted like any other, and is sent nothing: which names there are inside does not show.
            UnknownSystemError: one of the systems is not in the catalog.
            TooManyAskedError: the caller's network, or all together, have asked as often as they may in an hour.
        """
        address, name_url = await self._checked(command)
        system_ids = await self._system_ids(command.systems)
        cipher = await self._seals.cipher()
        [network, *_] = cipher.digests("network", command.network)
        # Before a name is looked up, in a thread that lasts for as long as its owner wants.
        await self._writer.run(lambda unit: count_request(unit, network))
        may_send = name_url is None or await self._leads_outside(name_url)
        asked = await self._asked(command.kind, address, system_ids, cipher)
        if (await self._writer.run(lambda unit: ask(unit, asked, may_send=may_send))).value:
            self._wake.set()

    async def _checked(self, command: Subscribe) -> tuple[str, str | None]:
        """Return the address as it is kept, and the URL whose name is yet to be looked up, if it has one."""
        if command.kind not in self.kinds():
            raise UnsupportedError("This server takes no such subscriptions.")
        if command.kind is VisitorKind.MAIL:
            return checked_mail(command.address), None
        address = checked_webhook(command.address)
        try:
            # Obfuscated addresses are refused here.
            if literal_address(httpx.URL(address).host) is None:
                return address, address
        except AddressRefusedError:
            pass
        else:
            if await self._leads_outside(address):
                return address, None
        raise InvalidInputError("The URL must lead to a public address.", field=["webhook"])

    async def _leads_outside(self, url: str) -> bool:
        """Return whether a webhook may be called; that of a name inside must not show."""
        hooks = self._sender.hooks
        assert hooks is not None
        try:
            await hooks.check(url)
        except AddressRefusedError:
            return False
        return True

    async def _system_ids(self, references: Sequence[str]) -> tuple[str, ...]:
        if len(references) > SYSTEMS_PER_INCIDENT:
            raise InvalidInputError(f"Choose at most {SYSTEMS_PER_INCIDENT} systems, or all.", field=["systems"])
        found = await self._database.read(lambda session: session.systems.resolve(references))
        for index, reference in enumerate(references):
            if reference not in found:
                raise UnknownSystemError(reference, field=["systems", str(index)])
        return tuple(dict.fromkeys(found[reference] for reference in references))

    async def _asked(self, kind: VisitorKind, address: str, system_ids: tuple[str, ...], cipher: SecretCipher) -> Asked:
        now, identifier, opened, hooks = self._clock.now(), new_id("vis"), Opened.fresh(address), self._sender.hooks
        needs_secret = kind is VisitorKind.WEBHOOK and hooks is not None
        fresh = VisitorSubscription(
            id=identifier,
            kind=kind,
            state=VisitorState.PENDING,
            sealed=sealed_by(cipher, identifier, opened),
            sealed_secret=await hooks.secrets.seal(identifier, fresh_secret()) if needs_secret and hooks else None,
            asked_system_ids=system_ids,
            created_at=now,
            asked_at=now,
            next_ask_at=now,
            confirm_until=now,
        )
        return Asked(fresh=fresh, opened=opened, addressed=addressed_by(cipher, kind, address), cipher=cipher)

    async def offered_by(self, token: str) -> Sequence[str] | None:
        """Return the names of the systems that a link is about, none for all; None where it is not good."""
        digest, now = token_digest(token), self._clock.now()
        if digest is None:
            return None

        async def read(session: ReadSession) -> Sequence[str] | None:
            link = await session.visitors.link(digest, now=now)
            return None if link is None else await names_of(session, link.system_ids)

        return await self._database.read(read)

    async def confirm(self, token: str) -> bool:
        """Confirm a subscription; return False where the token is not good.

        It is notified of what happens from then on. To confirm it once more changes nothing.
        """
        digest = token_digest(token)
        if digest is None:
            return False

        async def work(unit: UnitOfWork) -> bool:
            now = unit.moment()
            # What a link confirms never changes, so it is still the same once the subscription is locked.
            link = await unit.visitors.link(digest, now=now)
            known = None if link is None else await unit.visitors.lock(link.subscription_id)
            if link is None or known is None:
                return False
            if known.state is VisitorState.CONFIRMED and known.system_ids == link.system_ids:
                return True
            await unit.visitors.save(_confirmed(known, link.system_ids, now=now, head=await unit.changes.head()))
            return True

        return (await self._writer.run(work)).value

    async def leave(self, token: str) -> bool:
        """End a subscription, of which nothing stays; return False where there is none behind the token any more."""
        digest = token_digest(token)
        if digest is None:
            return False

        async def work(unit: UnitOfWork) -> bool:
            found = await unit.visitors.id_to_leave(digest)
            return found is not None and await unit.visitors.delete(found)

        return (await self._writer.run(work)).value

    async def can_leave(self, token: str) -> bool:
        """Return whether there is a subscription behind a token."""
        digest = token_digest(token)
        if digest is None:
            return False
        return await self._database.read(lambda session: session.visitors.id_to_leave(digest)) is not None

    async def delete(self, viewer: Viewer, subscription_id: str) -> Outcome[str]:
        """Delete a subscription with its messages.

        Raises:
            NotFoundError: there is none of that id.
        """

        async def work(unit: UnitOfWork) -> str:
            if not is_id(subscription_id, "vis") or not await unit.visitors.delete(subscription_id):
                raise NotFoundError("Subscription", subscription_id)
            await _audit_deletion(unit, viewer, subscription_id)
            return subscription_id

        return await self._writer.run(work)

    async def delete_address(self, viewer: Viewer, address: str) -> Outcome[str]:
        """Delete the subscription of a mail address, or of the URL of a webhook, and return its id.

        Raises:
            NotFoundError: there is none.
            InvalidInputError: the text is neither.
            UnsupportedError: the server has no key, and so no subscriptions.
        """
        kind = VisitorKind.WEBHOOK if "://" in address else VisitorKind.MAIL
        try:
            checked = checked_mail(address) if kind is VisitorKind.MAIL else checked_webhook(address)
        except InvalidInputError as error:
            raise InvalidInputError(error.message, field=["address"]) from None
        addressed = addressed_by(await self._seals.cipher(), kind, checked)

        async def work(unit: UnitOfWork) -> str:
            found = await unit.visitors.id_of_address(addressed.address)
            if found is None or not await unit.visitors.delete(found):
                raise NotFoundError("Subscription", masked(kind, checked), field=["address"])
            await _audit_deletion(unit, viewer, found)
            return found

        return await self._writer.run(work)

    async def get_many(self, ids: Sequence[str]) -> dict[str, ShownVisitor]:
        """Return the subscriptions of these ids; unknown ones are left out."""
        found = await self._database.read(lambda session: session.visitors.get_many(ids))
        return {each.id: await self._shown(each) for each in found.values()}

    async def page(self, page: PageRequest) -> Page[ShownVisitor]:
        """Return one page of all subscriptions, newest first."""
        found = await self._database.read(lambda session: session.visitors.page(page))
        items = [await self._shown(each) for each in found.items]
        return Page(items=items, has_next=found.has_next, has_previous=found.has_previous)

    async def count(self) -> int:
        """Return the number of subscriptions, those that are not confirmed included."""
        return await self._database.read(lambda session: session.visitors.count())

    async def _shown(self, subscription: VisitorSubscription) -> ShownVisitor:
        try:
            opened = await self._seals.open(subscription)
        except UnsupportedError:
            return ShownVisitor(subscription=subscription, address=None)
        return ShownVisitor(subscription=subscription, address=masked(subscription.kind, opened.address))


def _confirmed(
    known: VisitorSubscription, system_ids: tuple[str, ...], *, now: datetime, head: int
) -> VisitorSubscription:
    """Return a subscription that was confirmed now; one that was confirmed before misses nothing."""
    is_new = known.state is not VisitorState.CONFIRMED
    return replace(
        known,
        state=VisitorState.CONFIRMED,
        system_ids=system_ids,
        asks=1,
        # Others who asked in vain do not keep the owner from asking.
        next_ask_at=min(known.next_ask_at, known.asked_at + QUIET),
        confirmed_at=now if is_new else known.confirmed_at,
        paused_at=None,
        paused_reason=None,
        failing_since=None if is_new else known.failing_since,
        after_seq=head if is_new else known.after_seq,
    )


async def _audit_deletion(unit: UnitOfWork, viewer: Viewer, subscription_id: str) -> None:
    # The id alone: nothing of a visitor stays.
    gone = Unnamed(id=subscription_id)
    await audit(unit, viewer, AuditKind.VISITOR_SUBSCRIPTION, AuditAction.DELETED, before=gone)
