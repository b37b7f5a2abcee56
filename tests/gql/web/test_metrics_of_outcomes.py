"""Metrics of what rarely happens, each moved by what it counts: refusals, faults, retries, and streams that end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from domain.alerts.service import WriteIntegration
from domain.bootstrap import Domain
from domain.errors import DomainError
from domain.model.automation import RunStatus
from domain.model.channel import Message
from domain.model.integration import IntegrationType
from domain.model.viewer import Role
from domain.services.reads import Reads
from domain.settings import Settings
from tests.conftest import SteppingClock
from tests.domain.alerts.payloads import alertmanager, prometheus_alert
from tests.domain.automations.world import World
from tests.domain.visitors.mailbox import Mailbox, mailbox
from tests.domain.visitors.making import deliver as notify
from tests.domain.visitors.making import join, join_hook
from tests.domain.webhooks.making import deliver, make_webhook
from tests.domain.webhooks.receiver import receiving
from tests.factories import ADMIN, make_channel, make_incident, make_token
from tests.gql.transport.sockets import TOKENS, Running, serving, until
from tests.gql.web.metrics import Scraper
from tests.outages import Away
from tests.receiver import closed_url

EVENTS = "subscription { incidentChanges { cursor } }"
FAT = f"subscription {{ incidentChanges {{ incident {{ {' '.join(f'a{n}: description' for n in range(10))} }} }} }}"
CREATE = 'mutation { createSystem(input: {key: "%s", name: "A"}) { userErrors { code } } }'


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A server with what things are done to it by."""

    domain: Domain
    running: Running
    http: httpx.AsyncClient
    box: Mailbox
    clock: SteppingClock
    monkeypatch: pytest.MonkeyPatch

    async def ask(self, query: str, role: Role = Role.ADMIN, times: int = 1, **variables: Any) -> None:
        """Send an operation so often."""
        headers = {} if role is Role.ANONYMOUS else {"authorization": f"Bearer {TOKENS[role]}"}
        for _ in range(times):
            await self.http.post("/graphql", json={"query": query, "variables": variables}, headers=headers)


#: Something that is done.
Deed = Callable[[Scene], Awaitable[Any]]


@pytest.fixture
async def box() -> AsyncIterator[Mailbox]:
    """Yield a mail server."""
    async with mailbox() as running:
        yield running


@pytest.fixture
def clock() -> SteppingClock:
    """Return a clock that stands still until it is moved."""
    clock = SteppingClock()
    clock.step = timedelta()
    return clock


@pytest.fixture
def settings(settings: Settings, box: Mailbox) -> Settings:
    """Return settings with which everything can be done."""
    return replace(
        settings,
        http_allow=("127.0.0.1",),
        public_url="https://status.example.com",
        mail_url=f"smtp://127.0.0.1:{box.port}",
        mail_from="Acme <status@example.com>",
        visitor_http_allow=("127.0.0.1",),
        metrics="open",
    )


# --- operations


async def write_well(scene: Scene) -> None:
    await scene.ask(CREATE % "one")


async def ask_for_what_is_not_theirs(scene: Scene) -> None:
    await scene.ask("{ tokens { nodes { id } } }", Role.VIEWER)


async def write_what_costs_too_much(scene: Scene) -> None:
    fields = "systems { incidents(first: 100) { nodes { updates(first: 100) { nodes { id } } } } }"
    await scene.ask(f'mutation {{ resolveIncident(input: {{id: "inc_1"}}) {{ incident {{ {fields} }} }} }}')


async def meet_bugs(scene: Scene) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    scene.monkeypatch.setattr(type(scene.domain.systems), "create", fail)
    await scene.ask(CREATE % "one")
    scene.monkeypatch.setattr(Reads, "incident_page", fail)
    await scene.ask("{ incidents { nodes { id } } }")


async def meet_an_outage(scene: Scene) -> None:
    away = Away(scene.monkeypatch)
    await scene.ask("{ viewer { role } }")
    away.begin()
    await scene.ask("{ incidents { nodes { id } } }", Role.ANONYMOUS)
    away.end()
    await scene.ask("{ viewer { role } }")
    away.begin()
    away.reading = None
    await scene.ask(CREATE % "one")
    away.end()


async def take_too_long(scene: Scene) -> None:
    async def hang(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    scene.monkeypatch.setattr(type(scene.domain.systems), "create", hang)
    scene.monkeypatch.setattr(Reads, "incident_page", hang)
    await scene.ask(CREATE % "one")
    await scene.ask("{ incidents { nodes { id } } }")


async def spend_too_much(scene: Scene) -> None:
    scene.monkeypatch.setattr(scene.domain.buckets, "_limit", 1.0, raising=False)
    await scene.ask("{ incidents { nodes { id } } }", times=3)


async def take_the_generic_path(scene: Scene) -> None:
    await scene.ask("query First { incidents { nodes { id } } }")
    await scene.ask("{ incidents(first: 100) { nodes { updates(first: 20) { nodes { id } } } } }", times=3)
    await scene.ask("query ($id: ID!) { incident(id: $id) { id } }", times=3, id="inc_1")
    await scene.ask("query ($id: ID!) { incident(id: $id) { id } }", id="\0")
    await scene.ask('{ incidentEvents(filter: {system: {in: ["api"]}}) { nodes { id } } }', times=3)
    await scene.ask('{ incidents(filter: {system: {in: ["api"]}}) { nodes { id } } }', times=3)
    await scene.ask("{ tokens { nodes { id } } }", times=2)
    await scene.ask("{ automations { nodes { id } } }", Role.RESPONDER, times=3)
    await scene.ask("{ automations { nodes { id } } }", Role.VIEWER, times=3)
    scene.monkeypatch.setattr(Reads, "can_project", False)
    await scene.ask("query First { incidents { nodes { id } } }")


# --- subscriptions


async def subscribe_too_often(scene: Scene) -> None:
    async with scene.running.socket() as socket:
        for number in range(2):
            await socket.subscribe(EVENTS.replace("cursor", f"field{number}: cursor"), id=str(number))
        assert (await socket.next())["type"] == "error"


async def read_nothing(scene: Scene) -> None:
    scene.monkeypatch.setattr("gql.transport.outbox.MOST_FRAMES", 1)
    async with scene.running.socket(max_queue=1) as socket:
        await socket.subscribe(FAT)
        await until(lambda: scene.running.members == 1)
        while scene.running.members:
            await make_incident(scene.domain, description="x" * 20_000)


async def lose_an_event_to_an_outage(scene: Scene) -> None:
    away = Away(scene.monkeypatch)
    async with scene.running.socket() as socket:
        await socket.subscribe(EVENTS)
        await until(lambda: scene.running.members == 1)
        away.begin()
        await socket.subscribe("{ systems { nodes { id } } }", id="2")
        assert await socket.closed() == (1013, "UNAVAILABLE")
        away.end()


async def revoke_a_token(scene: Scene) -> None:
    token, secret = await make_token(scene.domain)
    async with scene.running.raw() as raw:
        await raw.send({"type": "connection_init", "payload": {"Authorization": f"Bearer {secret}"}})
        await raw.next()
        await raw.subscribe(EVENTS)
        await until(lambda: scene.running.members == 1)
        await scene.domain.tokens.revoke(ADMIN, token.id)
        assert (await raw.closed())[0] == 4403


async def answer_no_ping(scene: Scene) -> None:
    async with scene.running.socket() as socket:
        await socket.subscribe(EVENTS)
        await until(lambda: scene.running.members == 1)
        for _ in range(2):
            await scene.running.endpoint.sockets.ping()
        assert (await socket.closed())[0] == 1006


# --- what is sent and received


async def deliver_to_webhooks(scene: Scene) -> None:
    async with receiving() as receiver:
        await make_webhook(scene.domain, receiver.url)
        await make_incident(scene.domain)
        await deliver(scene.domain)
        receiver.answers(500)
        await make_incident(scene.domain)
        for _ in range(60):
            await deliver(scene.domain)
            scene.clock.advance(minutes=30)


async def notify_visitors(scene: Scene) -> None:
    async with receiving() as receiver:
        await join_hook(scene.domain, receiver)
        await join(scene.domain, scene.box)
        await make_incident(scene.domain)
        await notify(scene.domain)
        receiver.answers(500)
        scene.box.refusal = lambda _to: "451 4.3.0 Later"
        await make_incident(scene.domain)
        for _ in range(16):
            await notify(scene.domain)
            scene.clock.advance(hours=10)


async def notify_people(scene: Scene) -> None:
    message = Message(id="msg_1", title="Down", body="All of it.")
    await make_channel(scene.domain)
    await scene.domain.channels.send("on call", message)
    await make_channel(scene.domain, name="nobody", url=closed_url())
    with pytest.raises(DomainError):
        await scene.domain.channels.send("nobody", message)


async def receive_alerts(scene: Scene) -> None:
    integrations, now = scene.domain.integrations, scene.clock.now()
    made = (await integrations.create(ADMIN, IntegrationType.ALERTMANAGER, WriteIntegration())).value[0]
    alert = alertmanager(prometheus_alert("HighErrors", now))
    for body in (alert, alert, {"version": "4"}):
        await integrations.receiver.receive(made, body)
    broken = {**prometheus_alert("Odd", now), "status": "suppressed"}
    await integrations.receiver.receive(made, alertmanager(prometheus_alert("Other", now), broken))


# --- automations and the database


async def run_automations(scene: Scene) -> None:
    world = World(scene.domain, scene.clock)
    await scene.domain.automations.wakes.start()
    await world.ran({"action": "log", "config": {"message": "Hello"}})
    await world.ran({"action": "incident.resolve", "config": {"incidentId": "inc_unknown"}})
    run = await world.until(await world.begun({"delay": {"seconds": 60}}), RunStatus.WAITING)
    await scene.domain.automations.service.cancel_run(ADMIN, run.id)
    await world.automation({"delay": {"seconds": 60}}, mode="single")
    for _ in range(2):
        await make_incident(scene.domain)
    await world.route()
    await world.close()
    await scene.domain.automations.wakes.stop()


async def meet_a_deadlock(scene: Scene) -> None:
    away = Away(scene.monkeypatch)
    away.writing, away.left = asyncpg.DeadlockDetectedError("deadlock detected"), 1
    await make_incident(scene.domain)


async def fail_at_a_page(scene: Scene) -> None:
    away = Away(scene.monkeypatch)
    away.begin()
    await scene.http.get("/status")
    away.end()


def requests(kind: str, *outcomes: str) -> list[str]:
    """Return the samples of operations of a type with these outcomes."""
    name = "incidentql_graphql_requests_total"
    return [f'{name}{{operation_type="{kind}",outcome="{outcome}"}}' for outcome in outcomes]


def counted(name: str, label: str, *values: str, **more: str) -> list[str]:
    """Return the samples of a family with these values of a label."""
    rest = "".join(f'{other}="{value}",' for other, value in more.items())
    return [f'incidentql_{name}_total{{{rest}{label}="{value}"}}' for value in values]


#: What is done, and the samples that grow with it.
DEEDS: dict[Deed, list[str]] = {
    write_well: requests("mutation", "ok"),
    ask_for_what_is_not_theirs: requests("query", "error"),
    write_what_costs_too_much: requests("mutation", "refused"),
    meet_bugs: [
        *(requests("mutation", "internal") + requests("query", "internal")),
        *counted("graphql_errors", "code", "INTERNAL"),
    ],
    meet_an_outage: [
        *(requests("mutation", "unavailable") + requests("query", "unavailable")),
        *counted("graphql_errors", "code", "UNAVAILABLE"),
    ],
    take_too_long: [
        *(requests("mutation", "timeout") + requests("query", "timeout")),
        *counted("graphql_errors", "code", "TIMEOUT"),
    ],
    spend_too_much: ["incidentql_rate_limited_total", *counted("graphql_errors", "code", "RATE_LIMITED")],
    take_the_generic_path: counted(
        *("graphql_generic", "reason", "no_connection", "not_seen_before", "permissions", "variables", "large"),
        *("arguments", "database"),
    ),
    subscribe_too_often: requests("subscription", "refused"),
    read_nothing: counted("subscription_dropped", "reason", "slow_consumer"),
    lose_an_event_to_an_outage: counted("subscription_dropped", "reason", "unavailable"),
    revoke_a_token: counted("subscription_dropped", "reason", "credential"),
    answer_no_ping: counted("subscription_dropped", "reason", "silent"),
    deliver_to_webhooks: counted("webhook_deliveries", "result", "delivered", "retried", "parked"),
    notify_visitors: [
        *counted("visitor_messages", "result", "delivered", "retried", "parked", kind="mail"),
        *counted("visitor_messages", "result", "delivered", "retried", "parked", kind="webhook"),
    ],
    notify_people: counted("notifications", "result", "sent", "failed"),
    receive_alerts: counted(
        *("alert_deliveries", "result", "applied", "unchanged", "refused", "partial"), integration="alertmanager"
    ),
    run_automations: counted(
        "automation_runs", "status", "running", "waiting", "success", "failed", "cancelled", "skipped"
    ),
    meet_a_deadlock: ["incidentql_database_retries_total"],
    fail_at_a_page: counted("status_pages", "result", "failed"),
}


#: Settings that some of them need.
SETTINGS: dict[Deed, dict[str, Any]] = {
    take_too_long: {"execution_seconds": 0.1},
    subscribe_too_often: {"max_subscriptions_per_address": 1},
}


@pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: deed.__name__)
async def test_what_rarely_happens_moves_its_metrics(
    domain: Domain, box: Mailbox, clock: SteppingClock, monkeypatch: pytest.MonkeyPatch, deed: Deed
) -> None:
    domain = replace(domain, settings=replace(domain.settings, **SETTINGS.get(deed, {})))
    async with serving(domain) as running, httpx.AsyncClient(base_url=running.url.removesuffix("/graphql")) as http:
        scraper = Scraper(http)
        before = await scraper.samples()
        scene = Scene(domain=domain, running=running, http=http, box=box, clock=clock, monkeypatch=monkeypatch)
        await deed(scene)
        moved = await scraper.moved(before)
    assert {name: moved.get(name, 0) > 0 for name in DEEDS[deed]} == dict.fromkeys(DEEDS[deed], True)
