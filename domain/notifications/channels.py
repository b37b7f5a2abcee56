"""The use cases of channels: who manages them, and what is sent through them."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from domain.counting import counted_from_zero
from domain.errors import AlreadyExistsError, NotFoundError
from domain.ids import is_id, new_id
from domain.model.audit import AuditAction, AuditKind, hidden
from domain.model.channel import Channel, Message
from domain.model.commands import KEEP, Keep
from domain.model.paging import Page, PageRequest
from domain.model.texts import checked_name
from domain.model.viewer import Viewer
from domain.notifications.services import Described, Services
from domain.persistence.database import Database
from domain.persistence.unit_of_work import UnitOfWork
from domain.services.auditing import audit
from domain.services.ciphers import SecretCipher
from domain.services.secret_keys import SecretKeys
from domain.services.writing import Outcome, Writer

_TEST_TITLE, _TEST_BODY = "A test", "This channel works. It was asked for by {}."


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateChannel:
    """A command to change a channel; what is KEEP stays."""

    id: str
    name: str | Keep = KEEP
    url: str | Keep = KEEP


class ChannelService:
    """The use cases of channels. Like secrets, they are not in the log, and their URLs are never shown."""

    def __init__(self, *, database: Database, writer: Writer, keys: SecretKeys, services: Services) -> None:
        self._database = database
        self._writer = writer
        self._keys = keys
        self._services = services
        #: What became of messages.
        self.results = counted_from_zero(("sent", "failed"))

    async def create(self, viewer: Viewer, *, name: str, url: str) -> Outcome[Channel]:
        """Create a channel.

        Raises:
            AlreadyExistsError: the name is taken.
            UnknownServiceError: the URL leads to no service.
            AddressRefusedError: the URL leads to an address that is not allowed.
            UnsupportedError: the server has no key to encrypt with.
            InvalidInputError
        """
        checked_name(name)
        described, cipher = await self._services.describe(url), await self._cipher()
        channel_id = new_id("chn")
        ciphertext = cipher.encrypt(channel_id, url.strip())

        async def work(unit: UnitOfWork) -> Channel:
            channel = Channel(
                id=channel_id,
                name=name,
                service=described.service,
                address=described.address,
                created_at=unit.moment(),
                updated_at=unit.moment(),
                created_by=viewer.actor,
            )
            if not await unit.channels.insert(channel, ciphertext):
                raise _taken(name)
            await audit(unit, viewer, AuditKind.CHANNEL, AuditAction.CREATED, after=channel)
            await unit.people.note_user(viewer.actor, at=unit.moment())
            return channel

        return await self._writer.run(work)

    async def update(self, viewer: Viewer, command: UpdateChannel) -> Outcome[Channel]:
        """Change the name or the URL of a channel; messages from now on go where that leads.

        Raises:
            NotFoundError: there is none of that id.
            AlreadyExistsError: the name is taken.
            UnknownServiceError: the URL leads to no service.
            AddressRefusedError: the URL leads to an address that is not allowed.
            UnsupportedError: the server has no key to encrypt with.
            InvalidInputError
        """
        if not isinstance(command.name, Keep):
            checked_name(command.name)
        described: Described | None = None
        ciphertext: str | None = None
        if not isinstance(command.url, Keep):
            described, cipher = await self._services.describe(command.url), await self._cipher()
            ciphertext = cipher.encrypt(command.id, command.url.strip())

        async def work(unit: UnitOfWork) -> Channel:
            before = await unit.channels.lock(command.id) if is_id(command.id, "chn") else None
            if before is None:
                raise NotFoundError("Channel", command.id)
            after = before if isinstance(command.name, Keep) else replace(before, name=command.name)
            if described is not None:
                after = replace(after, service=described.service, address=described.address)
            if after == before and ciphertext is None:
                return before
            after = replace(after, updated_at=unit.moment())
            if not await unit.channels.save(after, ciphertext):
                raise _taken(after.name)
            changes = hidden("url") if ciphertext is not None else ()
            await audit(
                unit, viewer, AuditKind.CHANNEL, AuditAction.UPDATED, before=before, after=after, changes=changes
            )
            return after

        return await self._writer.run(work)

    async def delete(self, viewer: Viewer, channel_id: str) -> Outcome[str]:
        """Delete a channel; steps that name it fail from now on.

        Raises:
            NotFoundError: there is none of that id.
        """

        async def work(unit: UnitOfWork) -> str:
            known = await unit.channels.lock(channel_id) if is_id(channel_id, "chn") else None
            if known is None or not await unit.channels.delete(channel_id):
                raise NotFoundError("Channel", channel_id)
            await audit(unit, viewer, AuditKind.CHANNEL, AuditAction.DELETED, before=known)
            return channel_id

        return await self._writer.run(work)

    async def test(self, viewer: Viewer, channel_id: str) -> Outcome[Channel]:
        """Send a message that says who asked for it, and return the channel.

        Raises:
            NotFoundError: there is none of that id.
            NotSentError: its service did not take it.
        """
        if not is_id(channel_id, "chn"):
            raise NotFoundError("Channel", channel_id)
        body = _TEST_BODY.format(viewer.actor.name or viewer.actor.id)
        await self.send(channel_id, Message(title=_TEST_TITLE, body=body, id=new_id("msg")), field="id")

        async def work(unit: UnitOfWork) -> Channel:
            found = await unit.channels.lock(channel_id)
            if found is None:
                raise NotFoundError("Channel", channel_id)
            await unit.people.note_user(viewer.actor, at=unit.moment())
            return found

        return await self._writer.run(work)

    async def send(self, reference: str, message: Message, *, field: str = "channel") -> Channel:
        """Send a message through the channel of that id or name, and return the channel.

        At least once: where the answer of its service is lost, it may have been sent.

        Raises:
            NotFoundError: there is no such channel.
            NotSentError: its service did not take it.
            UnknownServiceError: its URL leads to no service any more.
            AddressRefusedError: it leads to an address that is not allowed.
            UnsupportedError: the server lacks the key that the URL was encrypted with.
        """
        found = await self._database.read(lambda session: session.channels.find(reference))
        if found is None:
            raise NotFoundError("Channel", reference, field=[field])
        channel, ciphertext = found
        cipher = await asyncio.to_thread(self._keys.to_read)
        try:
            await self._services.send(cipher.decrypt(channel.id, ciphertext), message, channel=channel.name)
        except Exception:
            self.results["failed"] += 1
            raise
        self.results["sent"] += 1
        return channel

    async def get_many(self, ids: Sequence[str]) -> dict[str, Channel]:
        """Return the channels of these ids; unknown ones are left out."""
        return await self._database.read(lambda session: session.channels.get_many(ids))

    async def page(self, page: PageRequest) -> Page[Channel]:
        """Return one page of all channels, newest first."""
        return await self._database.read(lambda session: session.channels.page(page))

    async def count(self) -> int:
        """Return the number of channels."""
        return await self._database.read(lambda session: session.channels.count())

    async def _cipher(self) -> SecretCipher:
        return await asyncio.to_thread(self._keys.to_write)


def _taken(name: str) -> AlreadyExistsError:
    return AlreadyExistsError(f"There is a channel with the name {name!r} already.", field=["name"])
