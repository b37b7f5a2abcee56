"""The rules of retries: what follows from an answer, and when the next attempt is made."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.model.moment import iso
from domain.model.webhook import WebhookDeliveryStatus

#: The back-off after each failed attempt, in seconds: a day in all.
LADDER = (5, 30, 120, 600, 1800, 3600, 7200, 14_400, 28_800, 28_800)
#: By how much of itself a back-off is longer or shorter, so that receivers that come back are not overrun.
_JITTER = 0.2
#: How long after it was queued a delivery that fails is given up, also one that waited behind others all the while.
LONGEST = timedelta(days=1)
#: The longest Retry-After that is honoured, in seconds.
LONGEST_RETRY_AFTER = 3600.0
#: How long every attempt may fail before a webhook is disabled.
FAILING = timedelta(days=5)
_GONE = 410
_ASKS_TO_WAIT = {429, 503}
_SUCCESS = range(200, 300)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer to one attempt; without a status there was none."""

    status: int | None = None
    #: Why it is a failure.
    reason: str | None = None
    #: The seconds that the receiver asked to be left alone; 0 where it did not.
    retry_after: float = 0.0
    seconds: float = 0.0
    body_bytes: int | None = None
    #: Whether another attempt would be for nothing.
    is_final: bool = False
    #: Whether the receiver is not there any more.
    is_gone: bool = False

    @property
    def is_success(self) -> bool:
        """Return whether the receiver took the delivery."""
        return self.status in _SUCCESS


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The state of a delivery after an attempt."""

    status: WebhookDeliveryStatus
    #: When it is sent again, where it is still pending.
    next_attempt_at: datetime | None = None
    #: Until when nothing at all is sent to the receiver, as it asked.
    paused_until: datetime | None = None
    reason: str | None = None
    #: Why the webhook is to be disabled.
    disabling: str | None = None


def judge(
    answer: Answer,
    *,
    attempts: int,
    queued_at: datetime,
    now: datetime,
    failing_since: datetime | None,
    chance: Callable[[], float],
) -> Verdict:
    """Return what follows from an answer to that many attempts; `chance` returns numbers from 0 to 1."""
    if answer.is_success:
        return Verdict(status=WebhookDeliveryStatus.DELIVERED)
    reason = answer.reason or f"answered {answer.status}"
    if answer.status == _GONE:
        disabling = "The receiver answered 410 Gone: it wants nothing more."
        return Verdict(status=WebhookDeliveryStatus.PARKED, reason=reason, disabling=disabling)
    if answer.is_gone:
        return Verdict(
            status=WebhookDeliveryStatus.PARKED, reason=reason, disabling=f"{reason[0].upper()}{reason[1:]}."
        )
    disabling_reason = None
    if failing_since is not None and now - failing_since >= FAILING:
        disabling_reason = f"Every attempt since {iso(failing_since)} failed; the last one: {reason}."
    is_over = answer.is_final or now - queued_at >= LONGEST
    wait = None if is_over else _wait(attempts, chance)
    if wait is None:
        return Verdict(status=WebhookDeliveryStatus.PARKED, reason=reason, disabling=disabling_reason)
    asked = min(answer.retry_after, LONGEST_RETRY_AFTER) if answer.status in _ASKS_TO_WAIT else 0.0
    return Verdict(
        status=WebhookDeliveryStatus.PENDING,
        next_attempt_at=now + timedelta(seconds=max(wait, asked)),
        paused_until=now + timedelta(seconds=asked) if asked else None,
        reason=reason,
        disabling=disabling_reason,
    )


def _wait(attempts: int, chance: Callable[[], float]) -> float | None:
    """Return the seconds until the next attempt; None after the last one."""
    if attempts > len(LADDER):
        return None
    return LADDER[attempts - 1] * (1 - _JITTER + 2 * _JITTER * chance())
