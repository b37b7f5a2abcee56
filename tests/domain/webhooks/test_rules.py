"""Consequences of answers: retries, pauses, parking and disabling."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.model.webhook import WebhookDeliveryStatus
from domain.webhooks.rules import LADDER, Answer, Verdict, judge

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


def judged(
    answer: Answer,
    *,
    attempts: int = 1,
    age: timedelta = timedelta(),
    failing_since: datetime | None = None,
    chance: float = 0.5,
) -> Verdict:
    """Return the verdict of an attempt."""
    return judge(
        answer, attempts=attempts, queued_at=NOW - age, now=NOW, failing_since=failing_since, chance=lambda: chance
    )


def waited(answer: Answer, **options: float) -> float:
    """Return the seconds until the next attempt."""
    verdict = judged(answer, **options)  # type: ignore[arg-type]
    assert verdict.next_attempt_at is not None
    return (verdict.next_attempt_at - NOW).total_seconds()


@pytest.mark.parametrize("status", [200, 202, 204, 299])
def test_a_success_is_delivered(status: int) -> None:
    assert judged(Answer(status=status)) == Verdict(status=WebhookDeliveryStatus.DELIVERED)


@pytest.mark.parametrize("status", [None, 199, 301, 302, 307, 400, 401, 404, 500, 503])
def test_all_other_answers_are_retried(status: int | None) -> None:
    verdict = judged(Answer(status=status))
    assert (verdict.status, verdict.next_attempt_at) == (WebhookDeliveryStatus.PENDING, NOW + timedelta(seconds=5))


def test_retries_take_a_day_and_then_the_delivery_is_parked() -> None:
    failed = Answer(status=500)
    waits = [waited(failed, attempts=attempts) for attempts in range(1, len(LADDER) + 1)]
    assert waits == sorted(waits)
    assert 23 * 3600 < sum(waits) < 25 * 3600
    parked = judged(failed, attempts=len(LADDER) + 1)
    assert (parked.status, parked.next_attempt_at) == (WebhookDeliveryStatus.PARKED, None)
    assert parked.reason == "answered 500"


def test_jitter_moves_a_retry_by_a_fifth() -> None:
    failed = Answer(status=500)
    assert [waited(failed, attempts=3, chance=chance) for chance in (0, 1)] == [96.0, 144.0]


@pytest.mark.parametrize(
    ("status", "asked", "pause"),
    [(429, 30.0, 30), (503, 30.0, 30), (429, 86_400.0, 3600), (500, 30.0, None), (429, 0.0, None)],
)
def test_retry_after_is_honoured_within_an_hour(status: int, asked: float, pause: int | None) -> None:
    verdict = judged(Answer(status=status, retry_after=asked))
    until = None if pause is None else NOW + timedelta(seconds=pause)
    assert verdict.paused_until == until
    assert verdict.next_attempt_at == max(NOW + timedelta(seconds=5), until or NOW)


def test_a_receiver_that_is_gone_is_disabled_at_once() -> None:
    verdict = judged(Answer(status=410))
    assert verdict.status is WebhookDeliveryStatus.PARKED
    assert verdict.disabling == "The receiver answered 410 Gone: it wants nothing more."


def test_five_days_of_failures_disable_with_the_last_reason() -> None:
    failed = Answer(reason="did not answer within 15 s")
    assert judged(failed, failing_since=NOW - timedelta(days=5, seconds=-1)).disabling is None
    disabling = judged(failed, failing_since=NOW - timedelta(days=5)).disabling
    assert disabling == "Every attempt since 2026-02-24T09:00:00.000Z failed; the last one: did not answer within 15 s."


def test_what_can_never_be_sent_is_parked_without_a_retry() -> None:
    assert judged(Answer(reason="gone from the log", is_final=True)).status is WebhookDeliveryStatus.PARKED


def test_what_waited_for_a_day_behind_others_is_parked_when_it_fails() -> None:
    failed = Answer(status=500)
    assert judged(failed, age=timedelta(hours=23)).status is WebhookDeliveryStatus.PENDING
    assert judged(failed, age=timedelta(days=1)).status is WebhookDeliveryStatus.PARKED
    assert judged(Answer(status=204), age=timedelta(days=2)).status is WebhookDeliveryStatus.DELIVERED
