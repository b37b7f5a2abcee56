"""Expected failures of visitors' subscriptions."""

from domain.errors import DomainError


class TooManyAskedError(DomainError):
    """More requests for confirmations than a server sends in an hour."""

    code = "RATE_LIMITED"

    def __init__(self) -> None:
        super().__init__("Too many have asked for messages in the last hour. Try again later.")
