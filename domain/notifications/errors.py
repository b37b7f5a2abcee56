"""Expected failures of channels and their messages."""

from domain.errors import DomainError


class UnknownServiceError(DomainError):
    """A URL that leads to no service that messages can be sent to; the message never quotes it."""

    def __init__(self) -> None:
        super().__init__(
            "This URL is of no service that is known here, or lacks a part that its service needs. "
            "https://appriseit.com/services/ has the form of each.",
            field=["url"],
        )


class NotSentError(DomainError):
    """A message that its service did not take; where it passes, another attempt may succeed."""

    code = "NOT_SENT"

    def __init__(self, channel: str, reason: str, *, passes: bool = True) -> None:
        super().__init__(f"The channel {channel!r} {reason}.")
        self.passes = passes
