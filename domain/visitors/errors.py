"""Expected failures of visitors' subscriptions."""

from domain.errors import DomainError


class TooManyAskedError(DomainError):
    """More requests for confirmations than a network, or all of them, may make in an hour."""

    code = "RATE_LIMITED"

    def __init__(self, *, retry_after_seconds: int) -> None:
        super().__init__("Too many have asked for messages in the last hour. Try again later.")
        self.retry_after_seconds = retry_after_seconds
