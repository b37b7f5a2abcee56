"""The keys of secrets: the operator's, or one in a file beside the database."""

import errno
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Self

from cryptography.fernet import Fernet

from domain.errors import StartupError, UnsupportedError
from domain.persistence.files import tighten
from domain.services.ciphers import SETTING, SecretCipher

_HOW = "python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'"


class SecretKeys:
    """The server's keys, from its settings or from the key file, which is created when first needed."""

    def __init__(self, cipher: SecretCipher | None, file: Path | None) -> None:
        self._cipher = cipher
        self._file = file

    @classmethod
    def of(cls, setting: str | None, file: Path | None) -> Self:
        """Return the keys of that setting, or without it those of that file, if there is one.

        Raises:
            StartupError: the setting holds something that is no key.
        """
        if setting is None:
            return cls(None, file)
        keys = [key.strip() for key in setting.split(",")]
        try:
            return cls(SecretCipher(keys), None)
        except ValueError:
            # Not chained and not quoted: most of it may be a key.
            raise StartupError(f"{SETTING} must hold Fernet keys, separated by commas. Make one: {_HOW}") from None

    @property
    def can_write(self) -> bool:
        """True where there is a key, or a place where one can be made."""
        return self._cipher is not None or self._file is not None

    def to_write(self) -> SecretCipher:
        """Return the cipher for writing; the first call blocks, and may create the file for its owner alone.

        Raises:
            UnsupportedError: there is no key and nowhere to keep one, or the file cannot be used.
        """
        if self._cipher is None:
            if self._file is None:
                raise UnsupportedError(
                    f"Secrets need {SETTING}, the same for all servers of this PostgreSQL database. Make one: {_HOW}"
                )
            try:
                if not self._file.exists():
                    _make(self._file)
            except OSError as error:
                raise UnsupportedError(
                    f"The key file {self._file} cannot be made ({error.strerror}). Set {SETTING} instead."
                ) from error
        return self.to_read()

    def to_read(self) -> SecretCipher:
        """Return the cipher for reading; the first call blocks.

        Raises:
            UnsupportedError: there is no key, or the file cannot be used.
        """
        if self._cipher is None:
            if self._file is None:
                raise UnsupportedError(f"Secrets cannot be read without {SETTING}.")
            tighten(self._file)
            try:
                self._cipher = SecretCipher([self._file.read_text(encoding="ascii").strip()])
            except OSError as error:
                raise UnsupportedError(f"The key file {self._file} cannot be read ({error.strerror}).") from error
            except ValueError:
                raise UnsupportedError(f"The key file {self._file} holds no Fernet key.") from None
        return self._cipher


def _make(file: Path) -> None:
    """Create a key file; of several processes the first one wins."""
    draft = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as writing:
            writing.write(Fernet.generate_key() + b"\n")
            writing.flush()
            os.fsync(writing.fileno())
        # A link is atomic and never overwrites: no process reads half a key, and none loses its key.
        with suppress(FileExistsError):
            os.link(draft, file)
    finally:
        draft.unlink()
    _sync_folder(file.parent)


def _sync_folder(folder: Path) -> None:
    # A power cut must not take the key and leave what was encrypted with it.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.ENOTSUP}:
            raise
    finally:
        os.close(descriptor)
