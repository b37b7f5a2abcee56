"""The use cases of secrets for automations."""

import asyncio
from collections.abc import Collection

from domain.errors import AlreadyExistsError, NotFoundError
from domain.ids import is_id, new_id
from domain.model.audit import AuditAction, AuditKind, hidden
from domain.model.secret import Secret, checked_secret_name, checked_secret_value
from domain.model.viewer import Viewer
from domain.persistence.database import Database
from domain.persistence.unit_of_work import UnitOfWork
from domain.services.auditing import audit
from domain.services.secret_keys import SecretKeys
from domain.services.writing import Outcome, Writer


class SecretService:
    """The use cases of secrets. Only `resolve` returns their values; the log never holds them."""

    def __init__(self, *, database: Database, writer: Writer, keys: SecretKeys) -> None:
        self._database = database
        self._writer = writer
        self._keys = keys

    async def create(self, viewer: Viewer, *, name: str, value: str) -> Outcome[Secret]:
        """Store a value under a new name.

        Raises:
            AlreadyExistsError: the name is taken.
            UnsupportedError: the server has no key to encrypt with.
            InvalidInputError
        """
        ciphertext = await self._encrypted(checked_secret_name(name), checked_secret_value(value))

        async def work(unit: UnitOfWork) -> Secret:
            secret = Secret(
                id=new_id("sec"),
                name=name,
                created_at=unit.moment(),
                updated_at=unit.moment(),
                created_by=viewer.actor,
            )
            if not await unit.secrets.insert(secret, ciphertext):
                raise AlreadyExistsError(f"There is a secret with the name {name!r} already.", field=["name"])
            await audit(unit, viewer, AuditKind.SECRET, AuditAction.CREATED, after=secret)
            await unit.people.note_user(viewer.actor, at=unit.moment())
            return secret

        return await self._writer.run(work)

    async def replace(self, viewer: Viewer, secret_id: str, *, value: str) -> Outcome[Secret]:
        """Store another value under the same name; steps that start from now on use it.

        Raises:
            NotFoundError: there is no such secret.
            UnsupportedError: the server has no key to encrypt with.
            InvalidInputError
        """
        checked_secret_value(value)
        # The name never changes, and is needed to encrypt before the transaction begins.
        known = await self._database.read(lambda session: session.secrets.get_many(_ids(secret_id)))
        if secret_id not in known:
            raise NotFoundError("Secret", secret_id)
        ciphertext = await self._encrypted(known[secret_id].name, value)

        async def work(unit: UnitOfWork) -> Secret:
            if await unit.secrets.lock(secret_id) is None:
                raise NotFoundError("Secret", secret_id)
            await unit.secrets.replace(secret_id, ciphertext, at=unit.moment())
            replaced = (await unit.secrets.get_many([secret_id]))[secret_id]
            await audit(
                unit,
                viewer,
                AuditKind.SECRET,
                AuditAction.UPDATED,
                before=replaced,
                after=replaced,
                changes=hidden("value"),
            )
            return replaced

        return await self._writer.run(work)

    async def delete(self, viewer: Viewer, secret_id: str) -> Outcome[str]:
        """Delete a secret; steps that name it fail from now on.

        Raises:
            NotFoundError: there is no such secret.
        """

        async def work(unit: UnitOfWork) -> str:
            known = (await unit.secrets.get_many(_ids(secret_id))).get(secret_id)
            if known is None or not await unit.secrets.delete(secret_id):
                raise NotFoundError("Secret", secret_id)
            await audit(unit, viewer, AuditKind.SECRET, AuditAction.DELETED, before=known)
            return secret_id

        return await self._writer.run(work)

    async def known(self, names: Collection[str]) -> set[str]:
        """Return those of the names that have a secret."""
        return set(await self._database.read(lambda session: session.secrets.ciphertexts(names)))

    async def resolve(self, names: Collection[str]) -> dict[str, str]:
        """Return the values of these secrets for the step that uses them; they must not be stored or shown.

        Raises:
            NotFoundError: there is no secret of one of these names.
            UnsupportedError: the server lacks the key that a secret was encrypted with.
        """
        if not names:
            return {}
        stored = await self._database.read(lambda session: session.secrets.ciphertexts(names))
        for name in sorted(names):
            if name not in stored:
                raise NotFoundError("Secret", name, field=["secrets"])
        cipher = await asyncio.to_thread(self._keys.to_read)
        return {name: cipher.decrypt(name, ciphertext) for name, ciphertext in stored.items()}

    async def _encrypted(self, name: str, value: str) -> str:
        cipher = await asyncio.to_thread(self._keys.to_write)
        return cipher.encrypt(name, value)


def _ids(secret_id: str) -> list[str]:
    return [secret_id] if is_id(secret_id, "sec") else []
