"""The examination of the key of secrets, and of whether it opens all that is stored under one."""

import asyncio
from collections.abc import Sequence

from domain.derived import secret_keys
from domain.errors import DomainError, StartupError
from domain.operating.examining.results import Result, ok, problem, warning
from domain.operating.verifying import opened
from domain.persistence.channel_tables import channels
from domain.persistence.inspecting import walk
from domain.persistence.secret_tables import secrets
from domain.persistence.unit_of_work import ReadSession
from domain.persistence.visitor_tables import visitor_subscriptions
from domain.persistence.webhook_tables import webhooks
from domain.services.ciphers import SETTING, SecretCipher
from domain.settings import Settings

_PART = "secret key"
#: Of each kind, so that thousands of visitors take no longer than a part of a second.
_LOOKED_AT = 1000
_SEALED = (secrets.c.ciphertext, channels.c.ciphertext, webhooks.c.secret, visitor_subscriptions.c.sealed)


async def examine_secrets(settings: Settings) -> Sequence[Result]:
    """Examine the key by opening all secrets; no value leaves the examination."""
    try:
        keys = secret_keys(settings)
    except StartupError:
        return []  # told by the examination of settings
    try:
        cipher = await asyncio.to_thread(keys.to_read)
    except DomainError:
        cipher = None
    try:
        async with opened(settings) as database:
            if not await database.read(lambda session: session.state.has_schema()):
                return [_of_none(is_there=cipher is not None, can_be_made=keys.can_write)]
            total, closed = await database.read(lambda session: _counted(session, cipher))
    except DomainError:
        return [_of_none(is_there=cipher is not None, can_be_made=keys.can_write)]
    if closed:
        advice = f"Add the key that they were encrypted with to {SETTING}, behind the present one."
        return [problem(_PART, f"{closed} of {total} stored secrets cannot be decrypted.", advice)]
    if not total:
        return [_of_none(is_there=cipher is not None, can_be_made=keys.can_write)]
    return [ok(_PART, f"decrypts all {total} stored secrets.")]


async def _counted(session: ReadSession, cipher: SecretCipher | None) -> tuple[int, int]:
    """Return the number of secrets that were looked at, and of those that the key does not open."""
    total = closed = 0
    for column in _SEALED:
        async for rows in walk(session.connection, [column.table.c.id, column], keys=["id"], page=_LOOKED_AT):
            total += len(rows)
            closed += sum(cipher is None or not cipher.opens(row[column.name]) for row in rows)
            break
    return total, closed


def _of_none(*, is_there: bool, can_be_made: bool) -> Result:
    if is_there:
        return ok(_PART, "is there; nothing is stored under it yet.")
    if can_be_made:
        return ok(_PART, "none yet: the first secret makes its file.")
    return warning(_PART, "none, so that no secrets can be kept.", f"Set {SETTING}, the same for every server.")
