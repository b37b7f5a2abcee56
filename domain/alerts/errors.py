"""Errors of deliveries."""

from collections.abc import Sequence

from domain.errors import DomainError


class UnusableDeliveryError(DomainError):
    """A delivery that is not understood, or an alert in it: the same body is refused again."""

    def __init__(self, message: str, *, problems: Sequence[str] = ()) -> None:
        super().__init__(message)
        #: All that is wrong with it, where that is more than one thing.
        self.problems = tuple(problems) or (message,)
