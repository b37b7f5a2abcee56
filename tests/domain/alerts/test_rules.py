"""The rules of alerts by themselves: every order of the same signals ends in the same state."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.alerts.interpreting import signals_in
from domain.alerts.rules import Step, decide
from domain.alerts.signals import AlertSignal, SignalAction
from domain.model.integration import AlertState, Integration, IntegrationType
from tests.domain.alerts.payloads import EVENTS_MAPPING, series
from tests.examples import examples
from tests.factories import ADMIN

AT = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
NOW = AT + timedelta(days=1)
NEW = AlertState(key="disk")


def firing(minute: float, *, repeats_start: bool = True) -> AlertSignal:
    """Return a trigger of an alert that began to fire at that minute."""
    at = AT + timedelta(minutes=minute)
    return AlertSignal(key="disk", action=SignalAction.TRIGGER, starts_at=at, repeats_start=repeats_start)


def ended(minute: float) -> AlertSignal:
    """Return a resolve of an alert that ended at that minute."""
    return AlertSignal(key="disk", action=SignalAction.RESOLVE, ends_at=AT + timedelta(minutes=minute))


def played(signals: Sequence[AlertSignal], state: AlertState = NEW, now: datetime = NOW) -> tuple[AlertState, int]:
    """Return the state after these signals, and how many incidents were opened."""
    opened = 0
    for signal in signals:
        decision = decide(state, signal, now=now, repeat_seconds=3600)
        opens = decision.step is Step.OPEN
        is_open = opens or (state.is_open and decision.step is not Step.RESOLVE)
        opened += opens
        state = replace(
            decision.state, key=signal.key, is_open=is_open, incident_id="inc" if opens else decision.state.incident_id
        )
    return state, opened


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[list[AlertSignal], bool]:
    """Draw the signals of some firings, each up to five times and in any order, and whether the last one goes on."""
    count, goes_on = draw(st.integers(1, 4)), draw(st.booleans())
    exact = draw(st.booleans())
    signals: list[AlertSignal] = []
    for number in range(count):
        signals.append(firing(20 * number, repeats_start=exact))
        if number < count - 1 or not goes_on:
            signals.append(ended(20 * number + 10))
    repeated = [signal for signal in signals for _ in range(draw(st.integers(1, 5)))]
    return list(draw(st.permutations(repeated))), goes_on


@examples(600)
@given(deliveries())
def test_every_order_of_repeated_signals_ends_in_the_same_state(drawn: tuple[list[AlertSignal], bool]) -> None:
    signals, goes_on = drawn
    state, opened = played(signals)
    last = max(signal.ends_at or signal.starts_at or AT for signal in signals)
    assert (state.is_firing, state.is_open) == (goes_on, goes_on)
    assert (state.fired_at if goes_on else state.ended_at) == last
    assert opened <= len({signal.starts_at for signal in signals if signal.starts_at})


@examples(150)
@given(deliveries())
def test_repeating_all_of_them_once_more_changes_nothing(drawn: tuple[list[AlertSignal], bool]) -> None:
    signals, _ = drawn
    state, _ = played(signals)
    assert played(signals, state) == (state, 0)


@pytest.mark.parametrize("kind", IntegrationType)
def test_each_documented_payload_five_times_and_in_200_orders_ends_in_the_same_state(kind: IntegrationType) -> None:
    chance = random.Random(kind.value)
    integration = integration_of(kind)
    signals = [
        signal for body in series(kind.value, AT) for signal in signals_in(integration, body, now=NOW).signals
    ] * 5
    ends = set()
    for _ in range(200):
        chance.shuffle(signals)
        state, opened = played(signals)
        ends.add((state.key, state.is_firing, state.is_open, state.ended_at))
        assert opened <= 1
    assert ends == {(signals[0].key, False, False, AT + timedelta(minutes=10))}
    begun = [signal for signal in signals if signal.action is SignalAction.TRIGGER]
    assert played(begun)[1] == 1


def integration_of(kind: IntegrationType) -> Integration:
    """Return an integration of that type, with the mapping of the examples where it needs one."""
    return Integration(
        id="int_1",
        type=kind,
        name="Monitor",
        enabled=True,
        system_mapping={},
        severity_mapping={},
        mapping=EVENTS_MAPPING if kind is IntegrationType.EVENTS else {},
        keep_bodies=True,
        masked_fields=(),
        created_at=AT,
        updated_at=AT,
        created_by=ADMIN.actor,
        token_created_at=AT,
    )


def test_an_older_firing_behind_a_newer_end_changes_nothing() -> None:
    state, _ = played([firing(10), ended(20)])
    assert played([firing(10), firing(5), firing(20)], state) == (state, 0)


def test_an_end_before_the_present_firing_changes_nothing() -> None:
    state, _ = played([firing(30)])
    assert played([ended(20)], state) == (state, 0)


def test_a_monitor_without_moments_is_taken_by_the_order_of_arrival() -> None:
    trigger = AlertSignal(key="disk", action=SignalAction.TRIGGER)
    resolve = AlertSignal(key="disk", action=SignalAction.RESOLVE)
    assert played([trigger, trigger, resolve, resolve, trigger])[1] == 2
    assert not played([trigger, resolve, resolve])[0].is_firing


PERSON_RESOLVED = replace(
    NEW, is_firing=True, fired_at=AT, incident_id="inc", is_open=False, resolved_at=AT + timedelta(minutes=5)
)


@pytest.mark.parametrize(
    ("signal", "minutes", "opens"),
    [
        (firing(0), 6, False),
        (firing(0), 6000, False),
        (firing(1), 6, True),
        (firing(6, repeats_start=False), 6, False),
        (firing(64, repeats_start=False), 64, False),
        (firing(66, repeats_start=False), 66, True),
        (AlertSignal(key="disk", action=SignalAction.TRIGGER), 64, False),
        (AlertSignal(key="disk", action=SignalAction.TRIGGER), 66, True),
    ],
    ids=["repeat", "late repeat", "new start", "soon", "within the time", "after it", "timeless", "timeless, after it"],
)
def test_after_a_person_has_resolved_it_repeats_are_ignored_and_a_new_firing_opens(
    signal: AlertSignal, minutes: float, opens: bool
) -> None:
    decision = decide(PERSON_RESOLVED, signal, now=AT + timedelta(minutes=minutes), repeat_seconds=3600)
    assert (decision.step is Step.OPEN) is opens


def test_an_acknowledgement_counts_only_while_the_alert_fires_and_its_incident_is_open() -> None:
    acknowledge = AlertSignal(key="disk", action=SignalAction.ACKNOWLEDGE)
    steps = {
        state: decide(state, acknowledge, now=NOW, repeat_seconds=0).step
        for state in (NEW, PERSON_RESOLVED, replace(PERSON_RESOLVED, is_open=True))
    }
    assert list(steps.values()) == [Step.NOTHING, Step.NOTHING, Step.ACKNOWLEDGE]
