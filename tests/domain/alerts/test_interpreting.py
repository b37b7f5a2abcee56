"""Bodies that are malformed in one place: what else is in them is applied, and nothing but a refusal comes of it."""

import copy
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.alerts.errors import UnusableDeliveryError
from domain.alerts.interpreting import signals_in
from domain.alerts.rules import Step, decide
from domain.bootstrap import Domain
from domain.model.integration import AlertState, DeliveryOutcome, IntegrationType
from tests.domain.alerts.payloads import alertmanager, prometheus_alert, series, uptime_kuma
from tests.domain.alerts.sending import make_monitor
from tests.domain.alerts.test_rules import integration_of
from tests.examples import examples

AT = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
NOW = AT + timedelta(hours=1)
GOOD, OTHER = prometheus_alert("Good", AT), prometheus_alert("Other", AT)
FAR = "9999-12-31T23:59:59.9999999Z"
LONG = {**GOOD, "labels": {}, "fingerprint": "k" * 256}


@pytest.mark.parametrize(
    "bad",
    [{**GOOD, "fingerprint": "n\u0007l"}, {**GOOD, "status": "suppressed"}, LONG, "text"],
    ids=["control character", "status", "long", "no object"],
)
async def test_a_malformed_alert_leaves_the_others_of_its_delivery_as_they_are(domain: Domain, bad: Any) -> None:
    monitor = await make_monitor(domain)
    body = {**alertmanager(GOOD, OTHER), "alerts": [GOOD, bad, OTHER]}
    [received] = await monitor.send(body)
    kept = received.delivery
    assert (kept.outcome, kept.alerts, kept.opened, kept.refused) == (DeliveryOutcome.PARTIAL, 3, 2, 1)
    assert received.error is None
    assert (kept.reason or "").startswith("The alert at index 1: ")
    [received] = await monitor.send({**body, "alerts": [bad, bad]})
    assert (received.delivery.outcome, received.error is None) == (DeliveryOutcome.REFUSED, False)


async def test_an_item_without_a_key_leaves_the_other_items_as_they_are(domain: Domain) -> None:
    mapping = {"items": "body.items", "key": "{{ item.id }}", "action": "item.state"}
    monitor = await make_monitor(domain, "events", mapping=mapping)
    items = [{"id": "a", "state": "firing"}, {"state": "firing"}, {"id": "c", "state": "firing"}]
    [received] = await monitor.send({"items": items})
    assert (received.delivery.outcome, received.delivery.opened) == (DeliveryOutcome.PARTIAL, 2)
    assert (received.delivery.reason or "").startswith("The alert at index 1: mapping.key: ")


@pytest.mark.parametrize("status", [[0], {}])
def test_a_heartbeat_whose_status_is_no_number_is_refused_with_a_sentence(status: Any) -> None:
    body = {"heartbeat": {"monitorID": 1, "status": status}, "msg": "x"}
    with pytest.raises(UnusableDeliveryError, match="status of a heartbeat must be"):
        signals_in(integration_of(IntegrationType.UPTIME_KUMA), body, now=NOW)


def test_a_fingerprint_over_the_length_is_refused_as_too_long() -> None:
    with pytest.raises(UnusableDeliveryError, match="too long"):
        signals_in(integration_of(IntegrationType.ALERTMANAGER), alertmanager(LONG), now=NOW)


def test_moments_that_are_yet_to_come_count_as_now_and_do_not_hide_later_firings_and_ends() -> None:
    integration = integration_of(IntegrationType.ALERTMANAGER)
    ended = {**GOOD, "status": "resolved", "startsAt": FAR, "endsAt": FAR}
    [end] = signals_in(integration, alertmanager(ended), now=NOW).signals
    assert (end.starts_at, end.ends_at) == (NOW, NOW)
    [start] = signals_in(integration, alertmanager({**GOOD, "startsAt": FAR}), now=NOW).signals
    assert (start.starts_at, start.repeats_start) == (NOW, False)
    [beat] = signals_in(
        integration_of(IntegrationType.UPTIME_KUMA), uptime_kuma(0, NOW + timedelta(1)), now=NOW
    ).signals
    assert beat.starts_at == NOW
    state = decide(AlertState(key=end.key), end, now=NOW, repeat_seconds=0).state
    later = NOW + timedelta(minutes=1)
    [again] = signals_in(integration, alertmanager({**GOOD, "startsAt": None}), now=later).signals
    assert decide(state, again, now=later, repeat_seconds=0).step is Step.OPEN


def test_an_end_that_was_kept_at_the_last_moment_of_all_is_no_failure_of_the_next_firing() -> None:
    state = AlertState(key="k", ended_at=datetime.max.replace(tzinfo=UTC))
    [signal] = signals_in(
        integration_of(IntegrationType.ALERTMANAGER), alertmanager({**GOOD, "startsAt": None}), now=NOW
    ).signals
    assert decide(state, signal, now=NOW, repeat_seconds=0).step is Step.OPEN


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of each value in a JSON value."""
    yield path
    if isinstance(value, dict | list):
        for name, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(each, (*path, name))


def with_value(body: Any, path: tuple[Any, ...], value: Any) -> Any:
    """Return a body with another value in a place."""
    if not path:
        return value
    changed = at = copy.deepcopy(body)
    for name in path[:-1]:
        at = at[name]
    at[path[-1]] = value
    return changed


_LEAVES = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(max_size=9)
)
JSON = st.recursive(
    _LEAVES | st.sampled_from([FAR, "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-23:00", "k" * 300]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
PLACES = [
    (kind, body, path)
    for kind in IntegrationType
    for body in series(kind.value, AT)
    for path in sorted(places(body), key=str)
]


@examples(50)
@given(JSON)
def test_any_value_in_any_place_gives_signals_or_a_refusal(value: Any) -> None:
    for kind, body, path in PLACES:
        try:
            found = signals_in(integration_of(kind), with_value(body, path, value), now=NOW)
        except UnusableDeliveryError:
            continue
        for signal in found.signals:
            assert all(moment is None or moment <= NOW for moment in (signal.starts_at, signal.ends_at))
