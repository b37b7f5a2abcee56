"""Deliveries of every format, and the incidents that follow from them."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.alerts import receiving
from domain.bootstrap import Domain
from domain.errors import NotFoundError, UnauthenticatedError
from domain.model.incident import Severity, Status
from domain.model.integration import DeliveryOutcome, Integration, IntegrationDelivery
from domain.model.viewer import Visibility
from tests.conftest import CountStatements, SteppingClock
from tests.domain.alerts.payloads import alertmanager, grafana, pagerduty, prometheus_alert, series, uptime_kuma
from tests.domain.alerts.sending import Monitor, links_of, make_monitor
from tests.domain.dialects import on_one_database
from tests.factories import ADMIN, log_of, make_incident, make_system

AT = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
END = AT + timedelta(minutes=10)
FORMATS = ("alertmanager", "grafana", "pagerduty", "uptime_kuma", "healthchecks", "cloudevents", "events")
FIRING = prometheus_alert("HighErrors", AT)
RESOLVED = prometheus_alert("HighErrors", AT, END)


@on_one_database
async def test_each_format_opens_one_incident_and_resolves_it_when_its_alert_ended(domain: Domain) -> None:
    for kind in FORMATS:
        monitor = await make_monitor(domain, kind, name=kind)
        deliveries = series(kind, AT)
        await monitor.send(*deliveries[:2])
        opened = [incident for incident in await monitor.incidents() if incident.opened_by.id == monitor.integration.id]
        assert [(incident.is_open, incident.occurred_at) for incident in opened] == [(True, AT)], kind
        received = await monitor.send(deliveries[2], *deliveries)
        [incident] = [one for one in await monitor.incidents() if one.opened_by.id == monitor.integration.id]
        assert (incident.status, incident.resolved_at) == (Status.RESOLVED, END), kind
        outcomes = [each.delivery.outcome for each in received]
        assert outcomes == ["applied", "unchanged", "unchanged", "unchanged"], kind


async def test_deliveries_five_times_and_in_any_order_end_in_the_same_state(domain: Domain) -> None:
    chance = random.Random(5)
    ways = 20 if domain.settings.database_url.startswith("sqlite") else 5
    ended = [prometheus_alert("Ended", AT), prometheus_alert("Ended", AT, END)]
    goes_on = [prometheus_alert("GoesOn", AT), prometheus_alert("GoesOn", AT, END)]
    goes_on.append(prometheus_alert("GoesOn", END + timedelta(minutes=1)))
    for way in range(ways):
        monitor = await make_monitor(domain, name=f"monitor {way}")
        alerts = [*ended, *goes_on] * 5
        chance.shuffle(alerts)
        await monitor.send(*(alertmanager(*alerts[start : start + 5]) for start in range(0, len(alerts), 5)))
        states = await monitor.alerts()
        firing = {key: is_firing for key, (is_firing, _) in states.items()}
        assert firing == {ended[0]["fingerprint"]: False, goes_on[0]["fingerprint"]: True}, way
        still_open = [one for one in await _opened_by(monitor) if one.is_open]
        assert [one.dedupe_key for one in still_open] == [goes_on[0]["fingerprint"]], way


async def test_an_incident_that_is_opened_has_what_its_alert_says(domain: Domain) -> None:
    monitor = await make_monitor(domain, "grafana")
    await monitor.send(grafana(FIRING))
    [incident] = await monitor.incidents()
    assert (incident.title, incident.description) == ("HighErrors on checkout", "Half of all requests fail.")
    assert (incident.severity, incident.occurred_at) == (Severity.CRITICAL, AT)
    assert dict(incident.labels) == {"alertname": "HighErrors", "service": "checkout", "severity": "critical"}
    assert incident.opened_by == monitor.integration.actor
    links = await links_of(domain, incident)
    assert [link.label for link in links] == ["Dashboard", "Panel", "Runbook", "Silence", "Source"]
    assert {link.visibility for link in links} == {Visibility.INTERNAL}
    [system] = (await domain.reads.systems(incident.system_ids)).values()
    assert (system.key, system.name) == ("checkout", "checkout")
    created, linked = await log_of(domain, incident)
    assert (created.events, linked.events) == (("incident.created",), ())


@on_one_database
async def test_a_group_is_not_closed_by_one_of_its_alerts(domain: Domain) -> None:
    monitor = await make_monitor(domain)
    other = prometheus_alert("Slow", AT)
    await monitor.send(alertmanager(FIRING, other), alertmanager(RESOLVED, other))
    assert [one.is_open for one in await monitor.incidents()] == [False, True]


@on_one_database
async def test_a_resolve_closes_only_what_its_own_alert_opened(domain: Domain) -> None:
    await make_system(domain, "checkout")
    by_hand = await make_incident(domain, "checkout", dedupe_key=FIRING["fingerprint"])
    monitor = await make_monitor(domain)
    await monitor.send(alertmanager(RESOLVED), alertmanager(prometheus_alert("HighErrors", END, END + (END - AT))))
    assert [(one.id, one.is_open) for one in await monitor.incidents()] == [(by_hand.id, True)]


@on_one_database
async def test_after_a_person_has_resolved_it_a_repeat_is_ignored_and_a_new_start_opens_anew(domain: Domain) -> None:
    monitor = await make_monitor(domain)
    await monitor.send(alertmanager(FIRING))
    [incident] = await monitor.incidents()
    await domain.incidents.resolve(ADMIN, incident.id)
    [repeat] = await monitor.send(alertmanager(FIRING))
    assert repeat.delivery.outcome is DeliveryOutcome.UNCHANGED
    await monitor.send(alertmanager(prometheus_alert("HighErrors", AT + timedelta(minutes=1))))
    assert [one.is_open for one in await monitor.incidents()] == [False, True]


@on_one_database
async def test_after_its_incident_was_deleted_a_repeat_is_ignored(domain: Domain) -> None:
    monitor = await make_monitor(domain)
    await monitor.send(alertmanager(FIRING))
    [incident] = await monitor.incidents()
    await domain.incidents.delete(ADMIN, incident.id)
    received = await monitor.send(alertmanager(FIRING), alertmanager(RESOLVED))
    assert [each.delivery.outcome for each in received] == ["unchanged", "applied"]
    assert await monitor.incidents() == []


@on_one_database
async def test_an_acknowledge_acknowledges_and_a_resolve_of_something_unknown_does_nothing(domain: Domain) -> None:
    monitor = await make_monitor(domain, "pagerduty")
    received = await monitor.send(
        pagerduty(at=AT), pagerduty("acknowledge"), pagerduty("acknowledge"), pagerduty("acknowledge", "else")
    )
    [incident] = await monitor.incidents()
    assert incident.acknowledged_by == monitor.integration.actor
    assert [each.delivery.acknowledged for each in received] == [0, 1, 0, 0]
    assert [each.delivery.outcome for each in received] == ["applied", "applied", "unchanged", "unchanged"]
    await monitor.send(pagerduty("resolve", "unheard of"))
    assert [one.is_open for one in await monitor.incidents()] == [True]


async def test_what_changes_nothing_of_an_unknown_alert_leaves_no_row_of_it(domain: Domain) -> None:
    monitor = await make_monitor(domain, "pagerduty", system_mapping={"unknown": "refuse"})
    received = await monitor.send(pagerduty("acknowledge", "else"), pagerduty(at=AT))
    assert [each.delivery.outcome for each in received] == ["unchanged", "refused"]
    assert await monitor.alerts() == {}


GROUPED: Mapping[str, Any] = {"grouping": {"key": "{{ system }}", "windowSeconds": 600}}


async def test_alerts_of_one_group_share_an_incident_that_the_last_of_them_resolves(domain: Domain) -> None:
    monitor = await make_monitor(domain, mapping=GROUPED)
    slow, elsewhere = prometheus_alert("Slow", AT, severity="minor"), prometheus_alert("Other", AT, service="search")
    await monitor.send(alertmanager(slow), alertmanager(FIRING, elsewhere))
    shared, other = await monitor.incidents()
    assert (shared.title, shared.severity) == ("Slow on checkout", Severity.CRITICAL)
    assert other.title == "Other on checkout"
    await monitor.send(alertmanager(RESOLVED))
    assert [one.is_open for one in await monitor.incidents()] == [True, True]
    await monitor.send(alertmanager(prometheus_alert("Slow", AT, END)))
    assert [one.is_open for one in await monitor.incidents()] == [False, True]


@on_one_database
async def test_an_alert_after_the_window_of_its_group_opens_an_incident_of_its_own(
    domain: Domain, clock: SteppingClock
) -> None:
    monitor = await make_monitor(domain, mapping=GROUPED)
    await monitor.send(alertmanager(FIRING))
    clock.advance(minutes=11)
    await monitor.send(alertmanager(prometheus_alert("Slow", AT)))
    assert len(await monitor.incidents()) == 2


async def test_the_same_new_alert_twice_at_once_opens_one_incident(domain: Domain) -> None:
    monitor = await make_monitor(domain)
    received = await asyncio.gather(*(monitor.send(alertmanager(FIRING)) for _ in range(8)))
    assert sorted(each.delivery.outcome for [each] in received) == ["applied", *["unchanged"] * 7]
    assert len(await monitor.incidents()) == 1


async def test_two_new_alerts_of_a_group_at_once_share_an_incident(domain: Domain) -> None:
    monitor = await make_monitor(domain, mapping=GROUPED)
    names = [f"Alert{number}" for number in range(6)]
    await asyncio.gather(*(monitor.send(alertmanager(prometheus_alert(name, AT))) for name in names))
    assert len(await monitor.incidents()) == 1
    await asyncio.gather(*(monitor.send(alertmanager(prometheus_alert(name, AT, END))) for name in names))
    assert [one.is_open for one in await monitor.incidents()] == [False]


@on_one_database
async def test_an_unknown_system_is_refused_where_that_is_set_and_the_delivery_can_be_replayed(domain: Domain) -> None:
    monitor = await make_monitor(domain, system_mapping={"unknown": "refuse"})
    known = prometheus_alert("Known", AT, service="search")
    await make_system(domain, "search")
    partial, refused = await monitor.send(alertmanager(FIRING, known), alertmanager(FIRING))
    assert (partial.delivery.outcome, partial.delivery.refused, partial.error) == (DeliveryOutcome.PARTIAL, 1, None)
    assert (refused.delivery.outcome, refused.delivery.refused) == (DeliveryOutcome.REFUSED, 1)
    assert refused.error is not None
    assert refused.delivery.reason == f"{FIRING['fingerprint']}: There is no system with the id or key 'checkout'."
    assert await monitor.alerts() == {known["fingerprint"]: (True, True)}
    await make_system(domain, "checkout")
    replayed = (await domain.integrations.receiver.replay(refused.delivery.id)).value
    assert (replayed.outcome, replayed.opened, replayed.replay_of) == ("applied", 1, refused.delivery.id)
    assert [kept.outcome for kept in await monitor.deliveries()] == ["applied", "refused", "partial"]


@on_one_database
async def test_mappings_say_what_alerts_are(domain: Domain) -> None:
    await make_system(domain, "shop")
    monitor = await make_monitor(
        domain,
        system_mapping={"labels": ["team", "service"], "values": {"checkout": "shop"}, "unknown": "refuse"},
        severity_mapping={"expression": "labels.priority", "values": {"P0": "CRITICAL"}},
        mapping={
            "title": "{{ labels.alertname }} in {{ labels.region }}",
            "links": [{"label": "Logs", "url": "https://logs.example/?q={{ labels.alertname }}"}],
            "labels": {"origin": "prometheus"},
        },
    )
    await monitor.send(alertmanager(prometheus_alert("HighErrors", AT, region="eu", priority="P0")))
    [incident] = await monitor.incidents()
    assert (incident.title, incident.severity) == ("HighErrors in eu", Severity.CRITICAL)
    assert dict(incident.labels)["origin"] == "prometheus"
    assert "https://logs.example/?q=HighErrors" in [link.url for link in await links_of(domain, incident)]


@on_one_database
async def test_an_expression_without_a_value_refuses_that_alert_alone(domain: Domain) -> None:
    monitor = await make_monitor(domain, mapping={"title": "{{ labels.region }}"})
    fine = prometheus_alert("Fine", AT, region="eu")
    [received] = await monitor.send(alertmanager(FIRING, fine))
    assert received.delivery.outcome is DeliveryOutcome.PARTIAL
    assert received.delivery.reason == f"{FIRING['fingerprint']}: mapping.title: labels.region is not defined."
    assert [one.title for one in await monitor.incidents()] == ["eu"]


@on_one_database
async def test_what_is_masked_reaches_neither_the_record_nor_an_incident(domain: Domain) -> None:
    monitor = await make_monitor(domain, "pagerduty", masked_fields=["Free"])
    await monitor.send(pagerduty(at=AT))
    [incident], [delivery] = await monitor.incidents(), await monitor.deliveries()
    assert incident.description == "free: ****\nload: 0.75"
    assert delivery.body is not None
    assert '"free":"****"' in delivery.body
    assert '"routing_key":"****"' in delivery.body


@on_one_database
async def test_equal_deliveries_that_change_nothing_are_one_record(domain: Domain) -> None:
    monitor = await make_monitor(domain)
    await monitor.send(*[alertmanager(FIRING)] * 4)
    repeats, first = await monitor.deliveries()
    assert (first.outcome, first.times) == (DeliveryOutcome.APPLIED, 1)
    assert (repeats.outcome, repeats.times) == (DeliveryOutcome.UNCHANGED, 3)
    assert repeats.last_received_at > repeats.received_at


def _nested(depth: int) -> list[Any]:
    return [_nested(depth - 1)] if depth else []


BROKEN: Mapping[str, tuple[str, Any, str]] = {
    "no object": ("alertmanager", [1], "The body must be a JSON object, not a list."),
    "no alerts": ("alertmanager", {"version": "4"}, "`alerts` must be a list, not null."),
    "another status": (
        "grafana",
        {"alerts": [{"status": "odd"}]},
        "The status of an alert must be firing or resolved.",
    ),
    "no event": ("pagerduty", {"event_action": "page"}, "Event object is invalid: 'event_action' must be one of "),
    "no heartbeat": ("uptime_kuma", {}, "The body must have a `heartbeat` and a `msg`"),
    "another beat": ("uptime_kuma", {"heartbeat": {"status": 9}}, "The status of a heartbeat must be 0, 1, 2 or 3."),
    "no check": ("healthchecks", {"status": "grace"}, "`status` must be up or down."),
    "an old version": ("cloudevents", {"specversion": "0.3"}, "An event must have the `specversion` 1.0."),
    "no id": ("cloudevents", {"specversion": "1.0"}, "An event must have `id` and `source` and `type`."),
    "another form": ("events", {"id": 1}, "mapping.key: body.check is not defined."),
    "no action": ("events", {"check": {"id": 1}, "state": "odd"}, "The action of an alert must be trigger, "),
    "a long key": ("events", {"check": {"id": "x" * 256}, "state": "up"}, "The key of an alert must have at most 255"),
    "a key of controls": (
        "pagerduty",
        pagerduty(key="a\0b"),
        "The key of an alert must be one line without control characters.",
    ),
    "too deep": ("alertmanager", {"alerts": _nested(120)}, "The body is nested deeper than 100."),
    "too many": ("alertmanager", {"alerts": [FIRING] * 1001}, "A delivery may have 1000 alerts at most"),
}


@on_one_database
async def test_a_body_that_is_not_understood_is_kept_with_the_reason_and_changes_nothing(domain: Domain) -> None:
    for name, (kind, body, reason) in BROKEN.items():
        monitor = await make_monitor(domain, kind, name=name)
        [received] = await monitor.send(body)
        assert received.error is not None, name
        [kept] = await monitor.deliveries()
        assert (kept.outcome, (kept.reason or "")[: len(reason)]) == (DeliveryOutcome.REFUSED, reason), name
        assert await monitor.alerts() == {}, name
    assert await monitor.incidents() == []


@on_one_database
async def test_a_test_and_a_beat_that_says_nothing_are_accepted(domain: Domain) -> None:
    monitor = await make_monitor(domain, "uptime_kuma")
    received = await monitor.send(
        {"heartbeat": None, "monitor": None, "msg": "Testing"}, uptime_kuma(2, AT), uptime_kuma(3, AT)
    )
    assert [each.delivery.outcome for each in received] == ["unchanged"] * 3


@on_one_database
async def test_a_delivery_of_many_alerts_is_written_in_several_transactions(domain: Domain) -> None:
    monitor = await make_monitor(domain, mapping={"grouping": {"key": "{{ system }}"}})
    alerts = [prometheus_alert(f"Alert{number}", AT) for number in range(120)]
    [received] = await monitor.send(alertmanager(*alerts))
    assert (received.delivery.alerts, received.delivery.opened) == (120, 1)
    assert len(await monitor.alerts()) == 120


@pytest.mark.parametrize("alerts", [1, 50])
async def test_a_repeated_delivery_costs_a_fixed_number_of_statements(
    domain: Domain, count_statements: CountStatements, alerts: int
) -> None:
    monitor = await make_monitor(domain, mapping={"grouping": {"key": "{{ system }}"}})
    body = alertmanager(*(prometheus_alert(f"Alert{number}", AT) for number in range(alerts)))
    await monitor.send(body, body)
    with count_statements() as sent:
        await monitor.send(body)
    # The alerts, locked first on PostgreSQL; the record; and the log's position.
    assert len(sent) == (3 if domain.settings.database_url.startswith("sqlite") else 4), sent


@on_one_database
async def test_a_disabled_integration_keeps_what_it_refuses(domain: Domain) -> None:
    monitor = await make_monitor(domain, enabled=False)
    [received] = await monitor.send(alertmanager(FIRING))
    assert (received.delivery.outcome, received.delivery.reason) == ("refused", "This integration is disabled.")
    assert received.delivery.body is not None


async def test_a_delivery_for_an_integration_that_another_process_has_deleted_is_refused_and_leaves_nothing(
    domain: Domain,
) -> None:
    monitor = await make_monitor(domain)
    await domain.integrations.delete(ADMIN, monitor.integration.id)
    for body in (alertmanager(FIRING), {"status": "firing"}):
        with pytest.raises(UnauthenticatedError):
            await monitor.send(body)
    with pytest.raises(UnauthenticatedError):
        await domain.integrations.receiver.refuse(monitor.integration, "It is too large.", text=None)
    assert await log_of(domain) == []


async def test_a_replay_for_an_integration_that_is_deleted_meanwhile_finds_no_delivery(
    domain: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monitor = await make_monitor(domain)
    [received] = await monitor.send(alertmanager(FIRING))

    async def found(*_: object) -> tuple[Integration, IntegrationDelivery]:
        await domain.integrations.delete(ADMIN, monitor.integration.id)
        return monitor.integration, received.delivery

    monkeypatch.setattr(receiving, "_found", found)
    with pytest.raises(NotFoundError, match="elivery") as refused:
        await domain.integrations.receiver.replay(received.delivery.id)
    assert refused.value.field == ["id"]


async def _opened_by(monitor: Monitor) -> Sequence[Any]:
    return [one for one in await monitor.incidents() if one.opened_by.id == monitor.integration.id]
