"""Expected failures: each has a fixed code, a sentence for people and, where one exists, the field at fault."""

from collections.abc import Sequence
from typing import Any, ClassVar


class DomainError(Exception):
    """A failure that the caller can understand and correct."""

    code: ClassVar[str] = "BAD_USER_INPUT"

    def __init__(self, message: str, *, field: Sequence[str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = list(field) if field is not None else None
        self.log_head: int | None = None
        #: How long to wait before a retry; None where it helps nothing.
        self.retry_after_seconds: int | None = None


class InvalidInputError(DomainError):
    """A value that can never be accepted."""


class InvalidCursorError(DomainError):
    """A cursor that this server did not issue for this list."""

    def __init__(self, *, field: Sequence[str] = ("after",)) -> None:
        super().__init__("This cursor is not valid here. Use one exactly as the server returned it.", field=field)


class CursorExpiredError(DomainError):
    """A position in the log, by cursor or by default, whose events are no longer kept."""

    code = "CURSOR_EXPIRED"

    def __init__(self, message: str | None = None, *, field: Sequence[str] = ("after",)) -> None:
        advice = "The events after this cursor are no longer available. Read the current state and subscribe again."
        super().__init__(message or advice, field=field)


class NotFoundError(DomainError):
    """Something that does not exist, or that the caller may not see."""

    code = "NOT_FOUND"

    def __init__(self, noun: str, identifier: str, *, field: Sequence[str] = ("id",)) -> None:
        super().__init__(f"{noun} {_shorten(identifier)} was not found.", field=field)
        self.identifier = identifier


class UnknownSystemError(DomainError):
    """A system id or key that is not in the catalog."""

    code = "UNKNOWN_SYSTEM"

    def __init__(self, reference: str, *, field: Sequence[str]) -> None:
        super().__init__(f"There is no system with the id or key {_shorten(reference)}.", field=field)


class UnknownPersonError(DomainError):
    """A person that is not known here."""

    code = "UNKNOWN_PERSON"

    def __init__(self, reference: str, *, field: Sequence[str]) -> None:
        super().__init__(f"There is no person with the id {_shorten(reference)}.", field=field)


class RevokedPersonError(DomainError):
    """A person whose token is revoked, who can be given no further incident."""

    code = "BAD_USER_INPUT"

    def __init__(self, reference: str, *, field: Sequence[str]) -> None:
        super().__init__(f"The token {_shorten(reference)} is revoked: nobody acts with it any more.", field=field)


class VersionConflictError(DomainError):
    """An object that changed since the caller read it; `current` is its present state."""

    code = "VERSION_CONFLICT"

    def __init__(self, noun: str, *, expected: int, current: Any, version: int) -> None:
        super().__init__(
            f"{noun} is at version {version}, not {expected}: it was changed in the meantime.",
            field=["expectedVersion"],
        )
        self.current = current


class DuplicateError(DomainError):
    """A value that has to be unique and is taken."""

    code = "DUPLICATE"


class AlreadyExistsError(DomainError):
    """A key that names another object already."""

    code = "ALREADY_EXISTS"


class ConflictError(DomainError):
    """A request that contradicts an earlier one."""

    code = "CONFLICT"


class UnsupportedError(DomainError):
    """A feature that this server is not set up for."""

    code = "UNSUPPORTED"


class UnauthenticatedError(DomainError):
    """A caller without a token, or with one that is not valid."""

    code = "UNAUTHENTICATED"


class ForbiddenError(DomainError):
    """A caller without the permission for a request."""

    code = "FORBIDDEN"


class UnavailableError(DomainError):
    """A part of the server that is away, locked or full for now; a retry may succeed."""

    code = "UNAVAILABLE"

    def __init__(self, message: str | None = None, *, retry_after_seconds: int = 5) -> None:
        super().__init__(message or "The database is not available at the moment. Try again in a few seconds.")
        self.retry_after_seconds: int = retry_after_seconds


class AddressRefusedError(DomainError):
    """A server that automations must not call."""

    code = "ADDRESS_REFUSED"

    def __init__(self, host: str) -> None:
        # The caller must not learn the addresses of names inside the operator's network.
        super().__init__(
            f"The host {_shorten(host)} is, or leads to, an internal address. INCIDENTQL_HTTP_ALLOW lists exceptions.",
            field=["url"],
        )
        self.host = host


class RequestFailedError(DomainError):
    """A request to another server that failed or got an unexpected answer.

    `answer` is that answer, where there was one.
    """

    code = "REQUEST_FAILED"

    def __init__(self, host: str, reason: str, *, attempts: int, answer: Any = None) -> None:
        times = "" if attempts == 1 else f", the last of {attempts} times"
        super().__init__(f"{_shorten(host)} {reason}{times}.")
        self.host = host
        self.attempts = attempts
        self.answer = answer


class StartupError(DomainError):
    """A reason why the server cannot start, in one line for the operator."""

    code = "STARTUP"


_SHOWN = 80


def _shorten(text: str) -> str:
    """Return at most 80 characters of a caller's text, so that no error echoes all of it."""
    return repr(text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "...")
