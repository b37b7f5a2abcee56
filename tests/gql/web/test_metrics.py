"""Metrics: what they say, that each moves when its thing happens, and that they name nobody."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_families
from prometheus_client.parser import text_string_to_metric_families

from domain.alerts.service import WriteIntegration
from domain.bootstrap import Domain
from domain.model.incident import Severity, Status
from domain.model.integration import IntegrationType
from tests.conftest import CountStatements
from tests.docs.blocks import ROOT
from tests.domain.alerts.payloads import alertmanager, prometheus_alert
from tests.factories import (
    ADMIN,
    make_automation,
    make_channel,
    make_incident,
    make_pending_delivery,
    make_secret,
    make_system,
    make_token,
    make_visitor,
    set_status,
    start_run,
)
from tests.gql.transport.sockets import serving, until
from tests.gql.web.metrics import Scraper, scraping
from tests.inside import inside
from tests.outages import Away

on_both = pytest.mark.parametrize(
    "dialect", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)
_ROW = re.compile(r"^\| `((?:incidentql|process)_[a-z_]+)`", re.MULTILINE)
#: Of this process, and only where the kernel says so.
_OF_THE_KERNEL = {"process_network_receive_bytes", "process_network_transmit_bytes"}
#: Something that is done.
Deed = Callable[[Domain, Scraper], Awaitable[Any]]


async def open_one(domain: Domain, _: Scraper) -> None:
    await make_incident(domain, severity=Severity.CRITICAL)


async def resolve_one(domain: Domain, _: Scraper) -> None:
    await set_status(domain, await make_incident(domain), Status.RESOLVED)


async def identify_one(domain: Domain, _: Scraper) -> None:
    await set_status(domain, await make_incident(domain), Status.IDENTIFIED)


async def query_once(_domain: Domain, scraper: Scraper) -> None:
    await scraper.http.post("/graphql", json={"query": "{ viewer { role } }"})


async def ask_wrongly(_: Domain, scraper: Scraper) -> None:
    await scraper.http.post("/graphql", json={"query": "{ nothing }"})


async def ask_for_too_much(_: Domain, scraper: Scraper) -> None:
    inner = "{ incidents(first: 100) { nodes { systems { incidents(first: 100) { nodes { id } } } } } }"
    await scraper.http.post("/graphql", json={"query": inner})


async def write_without_a_token(_: Domain, scraper: Scraper) -> None:
    query = 'mutation { resolveIncident(input: {id: "inc_1"}) { userErrors { code } } }'
    await scraper.http.post("/graphql", json={"query": query})


async def run_twice_and_more(_domain: Domain, scraper: Scraper) -> None:
    for _ in range(3):
        await scraper.http.post("/graphql", json={"query": "{ incidents { nodes { title } } }"})


async def start_a_run(domain: Domain, _: Scraper) -> None:
    await start_run(domain, await make_automation(domain))


async def leave_a_delivery(domain: Domain, _: Scraper) -> None:
    await make_pending_delivery(domain)


async def look_at_the_page(_domain: Domain, scraper: Scraper) -> None:
    for _ in range(2):
        assert (await scraper.http.get("/status")).status_code == 200


async def fail_a_statement(domain: Domain, _: Scraper) -> None:
    with pytest.raises(Exception, match="no such table"):
        await inside(domain).database.read(lambda session: session.connection.exec_driver_sql("SELECT * FROM nowhere"))


#: What is done, and the samples that grow with it.
DEEDS: dict[Deed, tuple[str, ...]] = {
    open_one: (
        'incidentql_incidents_opened_total{severity="critical"}',
        'incidentql_incidents_open{severity="critical",status="investigating"}',
        "incidentql_events_last_seq",
        'incidentql_changes_total{kind="incident"}',
        "incidentql_database_write_seconds_count",
        "incidentql_database_write_wait_seconds_count",
        "incidentql_database_commit_writes_count",
    ),
    resolve_one: (
        "incidentql_incident_time_to_resolve_seconds_count",
        "incidentql_incident_time_to_resolve_seconds_sum",
    ),
    identify_one: ("incidentql_incident_time_to_identify_seconds_count",),
    query_once: (
        'incidentql_graphql_requests_total{operation_type="query",outcome="ok"}',
        'incidentql_graphql_request_seconds_count{operation_type="query"}',
    ),
    run_twice_and_more: (
        "incidentql_graphql_compiled_total",
        'incidentql_graphql_generic_total{reason="not_compiled"}',
    ),
    ask_wrongly: (
        'incidentql_graphql_requests_total{operation_type="unknown",outcome="refused"}',
        'incidentql_graphql_errors_total{code="GRAPHQL_VALIDATION_FAILED"}',
    ),
    ask_for_too_much: (
        'incidentql_graphql_requests_total{operation_type="query",outcome="refused"}',
        'incidentql_graphql_errors_total{code="COST_LIMIT"}',
    ),
    write_without_a_token: (
        'incidentql_graphql_requests_total{operation_type="mutation",outcome="user_error"}',
        'incidentql_graphql_errors_total{code="UNAUTHENTICATED"}',
        'incidentql_graphql_request_seconds_count{operation_type="mutation"}',
    ),
    start_a_run: (
        'incidentql_automation_runs_total{status="pending"}',
        "incidentql_automation_pending",
        'incidentql_outbox_pending{queue="automations"}',
    ),
    leave_a_delivery: (
        'incidentql_outbox_pending{queue="webhooks"}',
        'incidentql_outbox_oldest_age_seconds{queue="webhooks"}',
    ),
    look_at_the_page: (
        'incidentql_status_pages_total{result="made"}',
        'incidentql_status_pages_total{result="kept"}',
    ),
    fail_a_statement: ('incidentql_database_errors_total{reason="statement"}',),
}


@pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: deed.__name__)
async def test_what_happens_moves_its_metrics(domain: Domain, deed: Deed) -> None:
    async with scraping(domain) as scraper:
        before = await scraper.samples()
        await deed(domain, scraper)
        moved = await scraper.moved(before)
    assert {name: moved.get(name, 0) > 0 for name in DEEDS[deed]} == dict.fromkeys(DEEDS[deed], True)


@on_both
async def test_gauges_are_read_in_few_statements_of_either_database(
    domain: Domain, count_statements: CountStatements
) -> None:
    async with scraping(domain) as scraper:
        await scraper.samples()
        for severity in (Severity.MINOR, Severity.MINOR, Severity.MAJOR):
            await make_incident(domain, severity=severity)
        with count_statements() as sent:
            samples = await scraper.samples()
    assert samples['incidentql_incidents_open{severity="minor",status="investigating"}'] == 2
    assert samples['incidentql_incidents_open{severity="major",status="investigating"}'] == 1
    assert samples["incidentql_events_last_seq"] == samples["incidentql_events_last_read_seq"] == 4
    assert samples["incidentql_database_up"] == 1
    assert len(sent) <= 8


async def test_an_alert_is_counted_by_its_format(domain: Domain) -> None:
    receiver = domain.integrations.receiver
    made = await domain.integrations.create(ADMIN, IntegrationType.ALERTMANAGER, WriteIntegration())
    async with scraping(domain) as scraper:
        before = await scraper.samples()
        await receiver.receive(made.value[0], alertmanager(prometheus_alert("HighErrors", domain.clock.now())))
        moved = await scraper.moved(before)
    assert moved['incidentql_alert_deliveries_total{integration="alertmanager",result="applied"}'] == 1
    assert moved['incidentql_alerts_received_total{integration="alertmanager"}'] == 1


async def test_every_metric_is_documented_and_no_other(domain: Domain) -> None:
    async with scraping(domain) as scraper:
        found = {family.name for family in text_string_to_metric_families(await scraper.text())}
    page = (ROOT / "docs" / "observing.md").read_text()
    documented = {name.removesuffix("_total") for name in _ROW.findall(page)}
    assert sorted(found - _OF_THE_KERNEL) == sorted(documented - _OF_THE_KERNEL)


async def test_both_text_formats_can_be_read(domain: Domain) -> None:
    async with scraping(domain) as scraper:
        answer = await scraper.http.get("/metrics", headers={"accept": "application/openmetrics-text;version=1.0.0"})
        assert answer.headers["content-type"].startswith("application/openmetrics-text")
        opened = {family.name for family in open_families(answer.text)}  # type: ignore[no-untyped-call]  # of the library
        plain = {family.name for family in text_string_to_metric_families(await scraper.text())}
    assert opened == plain


async def test_metrics_name_nobody_and_no_object(domain: Domain) -> None:
    words = ["Zanzibar", "quokka", "wombat"]
    await make_system(domain, key=words[1])
    await make_incident(domain, words[1], title=words[0])
    await make_token(domain, name=words[2])
    await make_secret(domain, name="WOMBAT")
    await make_channel(domain, name=words[2])
    await start_run(domain, await make_automation(domain, name=words[0]))
    await make_pending_delivery(domain)
    await make_visitor(domain, address="wombat@example.org")
    async with scraping(domain) as scraper:
        await scraper.http.post("/graphql", json={"query": "query Zanzibar { quokka }"})
        await scraper.http.post("/graphql", json={"query": "query Zanzibar { viewer { role } }"})
        text = await scraper.text()
    assert [word for word in words if word.lower() in text.lower()] == []
    assert re.findall(r"\b[a-z]{3}_[0-9a-f]{8}", text) == []


async def test_without_its_database_a_process_still_says_the_rest(
    domain: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with scraping(domain) as scraper:
        away = Away(monkeypatch)
        away.begin()
        await scraper.samples()
        samples = await scraper.samples()
        away.end()
    assert samples["incidentql_database_up"] == 0
    assert samples["incidentql_database_outages_total"] == 1
    assert samples['incidentql_database_errors_total{reason="outage"}'] >= 1
    assert "incidentql_events_last_read_seq" in samples
    assert not [name for name in samples if name.startswith("incidentql_incidents_open{")]


async def test_a_silent_database_keeps_no_monitor_waiting(domain: Domain, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = asyncio.Event()

    async def hang(*_: object) -> None:
        await answer.wait()

    monkeypatch.setattr("domain.services.gauges._ANSWER_SECONDS", 0.01)
    monkeypatch.setattr("domain.services.gauges.GaugeService._read", hang)
    async with scraping(domain) as scraper:
        samples = await scraper.samples()
        answer.set()
    assert samples["incidentql_database_up"] == 0


async def test_an_acknowledgement_is_timed_from_the_beginning(domain: Domain) -> None:
    incident = await make_incident(domain)
    async with scraping(domain) as scraper:
        before = await scraper.samples()
        await domain.responders.acknowledge(ADMIN, incident.id)
        moved = await scraper.moved(before)
    assert moved["incidentql_incident_time_to_acknowledge_seconds_count"] == 1


async def test_subscriptions_are_counted_while_they_last(domain: Domain) -> None:
    document = "subscription { incidentChanges { cursor } }"
    async with serving(domain) as running, httpx.AsyncClient(base_url=f"http://127.0.0.1:{running.port}") as http:
        scraper = Scraper(http)
        async with running.socket() as socket, running.stream(query=document):
            await socket.subscribe(document)
            await until(lambda: running.members == 2)
            during = await scraper.samples()
        await until(lambda: running.members == 0 and not len(running.endpoint.sockets))
        after = await scraper.samples()
    names = [f'incidentql_subscriptions_active{{transport="{name}"}}' for name in ("websocket", "sse")]
    assert [during[name] for name in names] == [1, 1]
    assert [after[name] for name in names] == [0, 0]
    assert during["incidentql_subscription_groups"] == during["incidentql_websockets_open"] == 1
    assert after['incidentql_graphql_requests_total{operation_type="subscription",outcome="ok"}'] == 2
