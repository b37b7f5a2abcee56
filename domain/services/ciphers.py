"""The encryption of secrets."""

import hashlib
import hmac
import json
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from domain.errors import UnsupportedError

SETTING = "INCIDENTQL_SECRET_KEY"


class SecretCipher:
    """A cipher that binds each value to its name: what was stored under one name cannot be read under another."""

    def __init__(self, keys: Sequence[str]) -> None:
        # ValueError where a key has another form; the first one encrypts.
        self._fernet = MultiFernet([Fernet(key) for key in keys])
        # Keys of their own: one key is for one purpose.
        self._digest_keys = [hashlib.sha256(f"digests {key}".encode()).digest() for key in keys]

    def encrypt(self, name: str, value: str) -> str:
        """Return the ciphertext to store."""
        # Fernet signs no associated data, so the name is inside: a text copied to another name is detected.
        text = json.dumps({"name": name, "value": value})
        return self._fernet.encrypt(text.encode()).decode()

    def decrypt(self, name: str, ciphertext: str) -> str:
        """Return the value that was stored under that name.

        Raises:
            UnsupportedError: it was encrypted with none of these keys, or under another name.
        """
        try:
            stored = json.loads(self._fernet.decrypt(ciphertext))
        except InvalidToken as error:
            raise _unreadable(name) from error
        if stored["name"] != name:
            raise _unreadable(name)
        return str(stored["value"])

    def opens(self, ciphertext: str) -> bool:
        """Return whether one of these keys encrypted it."""
        try:
            self._fernet.decrypt(ciphertext)
        except InvalidToken:
            return False
        return True

    def digests(self, name: str, value: str) -> list[str]:
        """Return the digests of a value by each key, the present one's first: by those it is found and not read.

        Values cannot be tried out against them without the key.
        """
        text = json.dumps({"name": name, "value": value}).encode()
        return [hmac.new(key, text, hashlib.sha256).hexdigest() for key in self._digest_keys]


def _unreadable(name: str) -> UnsupportedError:
    return UnsupportedError(
        f"Secret {name!r} was encrypted with a key that this server does not have. Add that key to {SETTING}, or set "
        "the secret again."
    )
