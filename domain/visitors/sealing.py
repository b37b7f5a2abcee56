"""The secrets of a subscription: its address and its tokens, encrypted, and the digests by which it is found."""

import asyncio
import hashlib
import json
import secrets
from dataclasses import asdict, dataclass, replace
from typing import Self

from domain.model.visitor import VisitorDigests, VisitorKind, VisitorSubscription
from domain.services.ciphers import SecretCipher
from domain.services.secret_keys import SecretKeys
from domain.visitors.addresses import place_of, same_address

_TOKEN_BYTES = 32
#: A token in the form in which links hold it.
_LONGEST_TOKEN = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The encrypted part of a subscription, opened."""

    address: str
    #: The tokens of the links by which it is confirmed, and ended.
    confirm: str
    leave: str

    @classmethod
    def fresh(cls, address: str) -> Self:
        """Return a new address with tokens of its own."""
        return cls(address=address, confirm=_fresh_token(), leave=_fresh_token())

    def with_other_link(self) -> Self:
        """Return the same with another token to confirm it by."""
        return replace(self, confirm=_fresh_token())


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressed:
    """The digests of an address by each key of the server, the present one's first."""

    address: list[str]
    place: list[str]


class Seals:
    """The encryption of subscriptions, by the key of secrets and bound to their ids."""

    def __init__(self, keys: SecretKeys) -> None:
        self._keys = keys

    @property
    def can_seal(self) -> bool:
        """True where the server has a key, or can make one."""
        return self._keys.can_write

    async def seal(self, subscription_id: str, opened: Opened) -> str:
        """Return the encrypted form.

        Raises:
            UnsupportedError: the server has no key to encrypt with.
        """
        return sealed_by(await self.cipher(), subscription_id, opened)

    async def open(self, subscription: VisitorSubscription) -> Opened:
        """Return what is encrypted of a subscription.

        Raises:
            UnsupportedError: the server lacks the key that it was encrypted with.
        """
        return opened_by(await asyncio.to_thread(self._keys.to_read), subscription)

    async def cipher(self) -> SecretCipher:
        """Return what encrypts, for those who cannot wait for it later.

        Raises:
            UnsupportedError: the server has no key.
        """
        return await asyncio.to_thread(self._keys.to_write)


def sealed_by(cipher: SecretCipher, subscription_id: str, opened: Opened) -> str:
    """Return the encrypted form of a subscription's secrets."""
    return cipher.encrypt(_name(subscription_id), json.dumps(asdict(opened)))


def opened_by(cipher: SecretCipher, subscription: VisitorSubscription) -> Opened:
    """Return what is encrypted of a subscription.

    Raises:
        UnsupportedError: the cipher lacks the key that it was encrypted with.
    """
    return Opened(**json.loads(cipher.decrypt(_name(subscription.id), subscription.sealed)))


def addressed_by(cipher: SecretCipher, kind: VisitorKind, address: str) -> Addressed:
    """Return the digests of an address."""
    return Addressed(
        address=cipher.digests(f"visitor {kind}", same_address(kind, address)),
        place=cipher.digests(f"place of {kind}", place_of(kind, address)),
    )


def digests_of(addressed: Addressed, opened: Opened) -> VisitorDigests:
    """Return the digests that are stored of a new subscription."""
    confirm, leave = token_digest(opened.confirm), token_digest(opened.leave)
    assert confirm is not None
    assert leave is not None
    return VisitorDigests(address=addressed.address[0], place=addressed.place[0], confirm=confirm, leave=leave)


def token_digest(token: str) -> str | None:
    """Return the digest of a token; None for what cannot be one. It is random, and needs no key."""
    if not token.isascii() or not 0 < len(token) <= _LONGEST_TOKEN:
        return None
    return hashlib.sha256(token.encode()).hexdigest()


def _fresh_token() -> str:
    return secrets.token_urlsafe(_TOKEN_BYTES)


def _name(subscription_id: str) -> str:
    return f"visitor {subscription_id}"
