"""Construction of the domain: the only place where its parts are put together."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from domain.alerts.applying import Services
from domain.alerts.service import IntegrationService
from domain.automations.actions.incidents import IncidentActions
from domain.automations.actions.notify import NotifyActions
from domain.automations.actions.outbound import OutboundActions
from domain.automations.actions.responders import ResponderActions
from domain.automations.engine.adapter import Engine
from domain.automations.services.dry_run.service import DryRuns
from domain.automations.services.system import AutomationSystem, Parts
from domain.automations.triggers.builtin import builtin_triggers
from domain.clock import Clock
from domain.demo.loading import HistoryLoader
from domain.demo.service import DemoService
from domain.derived import pool_size, replicas_of, wakeup_url
from domain.entities.derivers import DeriverRegistry
from domain.entities.handle import EntityHandle
from domain.entities.health import HEALTH
from domain.entities.incident import INCIDENT
from domain.entities.kinds import KINDS, Kinds, registry_of
from domain.entities.maintenance import MAINTENANCE
from domain.entities.masking import SecretMasker
from domain.entities.registry import EntityRegistry
from domain.entities.run import RUN
from domain.making import (
    catalog_services,
    forgetting_services,
    own,
    parts_of_incidents,
    registered_actions,
    secret_services,
    token_service,
    working_systems,
)
from domain.messaging.buckets import Buckets, make_buckets
from domain.messaging.tail import LogTail
from domain.messaging.wakeups import ALONE, WakeUps
from domain.model.cursor import CursorCodec
from domain.model.health import SystemHealth
from domain.model.incident import Incident
from domain.notifications.channels import ChannelService
from domain.outbound.addresses import AddressRules
from domain.outbound.caller import HttpCaller
from domain.persistence.addresses import PostgresAddress
from domain.persistence.database import Database
from domain.persistence.engines import Engines, create_engines, database_url
from domain.persistence.erasures import Known
from domain.persistence.migrate import migrate
from domain.persistence.unit_of_work import ReadSession
from domain.persistence.write_ahead import WriteAheadLog
from domain.services.auditing import LAST_START, AuditService
from domain.services.bulk import BulkService
from domain.services.events import EventService
from domain.services.forgetting.service import ForgettingService
from domain.services.health import HealthService
from domain.services.health_history import HealthHistory
from domain.services.incidents import IncidentService
from domain.services.labels import LabelService
from domain.services.links import LinkService
from domain.services.lists import ListService
from domain.services.maintenance.service import MaintenanceService
from domain.services.measures import Measures
from domain.services.metrics import MetricsService
from domain.services.readiness import Readiness
from domain.services.reads import Reads
from domain.services.relations import RelationService
from domain.services.repairs import INCOMPLETE_TIMELINES, Repairs
from domain.services.replay import ReplayService
from domain.services.responders import ResponderService
from domain.services.secrets import SecretService
from domain.services.sessions import Sessions
from domain.services.systems import SystemService
from domain.services.timeline import TimelineService
from domain.services.tokens import TokenService
from domain.services.upkeep import Upkeep
from domain.services.writing import Writer
from domain.settings import Settings
from domain.tracing import Tracer
from domain.transfer.making import TransferSystem, transfer_system
from domain.visitors.system import VisitorSystem
from domain.webhooks.system import WebhookSystem

#: The name of the state that signs cursors.
_CURSOR_KEY = "cursor_key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """The running domain: the services that callers use."""

    settings: Settings
    clock: Clock
    incidents: IncidentService
    responders: ResponderService
    timeline: TimelineService
    labels: LabelService
    links: LinkService
    relations: RelationService
    systems: SystemService
    health: HealthService
    health_history: HealthHistory
    maintenance: MaintenanceService
    events: EventService
    lists: ListService
    reads: Reads
    metrics: MetricsService
    replay: ReplayService
    tokens: TokenService
    secrets: SecretService
    forgetting: ForgettingService
    sessions: Sessions
    audit: AuditService
    demo: DemoService
    buckets: Buckets
    automations: AutomationSystem
    dry_runs: DryRuns
    integrations: IntegrationService
    channels: ChannelService
    transfer: TransferSystem
    webhooks: WebhookSystem
    visitors: VisitorSystem
    readiness: Readiness
    measures: Measures

    @property
    def bulk(self) -> BulkService:
        """The use cases of several incidents at once."""
        return BulkService(self.incidents)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembly(Domain):
    """The running domain with the parts under its services, for the code that starts and stops them."""

    database: Database
    registry: EntityRegistry
    derivers: DeriverRegistry
    masker: SecretMasker
    handle: EntityHandle[Incident]
    health_handle: EntityHandle[SystemHealth]
    tail: LogTail
    cursors: CursorCodec


@asynccontextmanager
async def running_domain(
    settings: Settings,
    *,
    clock: Clock | None = None,
    live: bool = True,
    kinds: Kinds = KINDS,
    tracer: Tracer | None = None,
) -> AsyncIterator[Domain]:
    """Run the domain on its database, which is migrated first; with `live` it also follows the log and prunes.

    Raises:
        StartupError: the database or a setting makes a start impossible.
    """
    engines = _engines_of(settings)
    engine = Engine(database_url(settings.direct_database_url or settings.database_url))
    # All of it also where the block fails or is cancelled: no transaction under way is cut off.
    async with AsyncExitStack() as ending:
        ending.push_async_callback(engines.dispose)
        ending.push_async_callback(engine.close)
        await migrate(engines)
        database = Database(engines, clock := clock or Clock(), tracer, replicas_of(settings) if live else None)
        ending.push_async_callback(database.close)
        states, head, erasures = await database.read(_found)
        if live and settings.automations:
            await engine.prepare()
        key = bytes.fromhex(states.get(_CURSOR_KEY, ""))
        domain = _assemble(settings, clock, database, key, engine, kinds)
        ending.push_async_callback(domain.buckets.close)
        if INCOMPLETE_TIMELINES in states:
            await Repairs(database=database, handle=domain.handle).run()
        if live:
            await domain.audit.note_start(settings, states.get(LAST_START))
            await ending.enter_async_context(_replicating(domain, key))
            await ending.enter_async_context(_background(domain, head, erasures))
        yield domain


def _engines_of(settings: Settings) -> Engines:
    return create_engines(
        database_url(settings.database_url),
        sqlite_synchronous=settings.sqlite_synchronous,
        busy_millis=int(settings.sqlite_busy_seconds * 1000),
        connections=pool_size(settings),
        has_direct=settings.direct_database_url is not None,
    )


async def _found(session: ReadSession) -> tuple[Mapping[str, str], int, Sequence[Known]]:
    """Read all that a start depends on in one transaction: the states, the head of the log, and who is forgotten."""
    states = await session.state.values(_CURSOR_KEY, INCOMPLETE_TIMELINES, LAST_START)
    return states, await session.changes.head(), await session.erasures.known()


def _assemble(
    settings: Settings, clock: Clock, database: Database, key: bytes, engine: Engine, kinds: Kinds
) -> Assembly:
    derivers, masker = DeriverRegistry(), SecretMasker()
    registry = registry_of(kinds, clock=clock, derivers=derivers, masker=masker)
    handle = registry.handle(INCIDENT)
    tail = LogTail(database, poll_seconds=settings.poll_seconds, ring_size=settings.ring_size)
    writer = Writer(database, clock)
    incidents = IncidentService(writer=writer, handle=handle, clock=clock)
    timeline = TimelineService(writer=writer, handle=handle)
    responders = ResponderService(writer=writer, handle=handle)
    rules = AddressRules.of(settings.http_allow)
    secrets, channels = secret_services(settings, database, writer, rules)
    parts = Parts(
        database=database,
        clock=clock,
        writer=writer,
        registry=registry,
        runs=registry.handle(RUN),
        masker=masker,
        triggers=builtin_triggers(kinds),
        actions=registered_actions(
            IncidentActions(incidents, timeline),
            ResponderActions(responders, incidents),
            OutboundActions(HttpCaller(rules=rules, clock=clock), clock),
            NotifyActions(channels, database, clock),
        ),
        tail=tail,
        engine=engine,
        secrets=secrets,
        run_retention_days=settings.run_retention_days,
    )
    services = (incidents, timeline, responders, secrets, channels)
    return _domain(settings, key, parts, _Written(derivers, *services))


@dataclass(frozen=True, slots=True)
class _Written:
    """The services through which automations write, and the derivers of their changes."""

    derivers: DeriverRegistry
    incidents: IncidentService
    timeline: TimelineService
    responders: ResponderService
    secrets: SecretService
    channels: ChannelService

    def services(self) -> dict[str, Any]:
        """Return the services by name."""
        names = ("incidents", "timeline", "responders", "secrets", "channels")
        return {name: getattr(self, name) for name in names}


def _domain(settings: Settings, key: bytes, parts: Parts, written: _Written) -> Assembly:
    database, clock, cursors = parts.database, parts.clock, CursorCodec(key)
    handle, health_handle = parts.registry.handle(INCIDENT), parts.registry.handle(HEALTH)
    systems, health = catalog_services(parts)
    reads = Reads(database=database, handle=handle, health=health_handle, cursors=cursors)
    sessions, forgetting = forgetting_services(parts, key)
    return Assembly(
        settings=settings,
        clock=clock,
        database=database,
        registry=parts.registry,
        derivers=written.derivers,
        masker=parts.masker,
        handle=handle,
        health_handle=health_handle,
        tail=parts.tail,
        cursors=cursors,
        forgetting=forgetting,
        **written.services(),
        **parts_of_incidents(parts),
        maintenance=MaintenanceService(**own(parts), handle=parts.registry.handle(MAINTENANCE)),
        systems=systems,
        health=health,
        health_history=HealthHistory(database=database, clock=clock),
        events=EventService(database=database, tail=parts.tail, cursors=cursors),
        lists=ListService(database=database, tail=parts.tail, cursors=cursors),
        reads=reads,
        metrics=MetricsService(database=database, tail=parts.tail),
        replay=ReplayService(database=database, clock=clock, cursors=cursors),
        tokens=token_service(settings, parts, sessions, forgetting.known),
        sessions=sessions,
        audit=AuditService(database),
        demo=_demo(parts, written, reads=reads, systems=systems, health=health),
        buckets=make_buckets(limit=settings.rate_limit, broadcast_url=settings.broadcast_url, clock=clock),
        dry_runs=DryRuns(database=database, clock=clock, catalog=parts.catalog(), secrets=parts.secrets),
        integrations=_integrations(parts, written, systems=systems),
        transfer=transfer_system(database=database, clock=clock, registry=parts.registry, key=key),
        **working_systems(settings, parts, cursors),
        readiness=Readiness(database, parts.tail),
    )


def _integrations(parts: Parts, written: _Written, *, systems: SystemService) -> IntegrationService:
    services = Services(
        incidents=written.incidents,
        responders=written.responders,
        timeline=written.timeline,
        links=LinkService(writer=parts.writer, handle=parts.registry.handle(INCIDENT)),
        systems=systems,
    )
    return IntegrationService(**own(parts), services=services)


def _demo(
    parts: Parts, written: _Written, *, reads: Reads, systems: SystemService, health: HealthService
) -> DemoService:
    return DemoService(
        loader=HistoryLoader(database=parts.database, writer=parts.writer),
        clock=parts.clock,
        health=health,
        reads=reads,
        systems=systems,
        incidents=written.incidents,
        timeline=written.timeline,
    )


def _upkeep(domain: Assembly) -> Upkeep:
    return Upkeep(
        database=domain.database,
        clock=domain.clock,
        event_retention_days=domain.settings.event_retention_days,
        delivery_retention_days=domain.settings.delivery_retention_days,
        audit_retention_days=domain.settings.audit_retention_days,
    )


@asynccontextmanager
async def _replicating(domain: Assembly, key: bytes) -> AsyncIterator[None]:
    replicas = domain.database.replicas
    if replicas is None:
        yield
        return
    await replicas.start(domain.database.glance, key.hex())
    try:
        yield
    finally:
        await replicas.stop()


@asynccontextmanager
async def _background(domain: Assembly, head: int, erasures: Sequence[Known]) -> AsyncIterator[None]:
    wakeups = WakeUps(wakeup_url(domain.settings), domain.tail.look)
    domain.database.on_append(domain.tail.take)
    url = database_url(domain.settings.database_url)
    if not isinstance(url, PostgresAddress):
        domain.database.on_append(WriteAheadLog(Path(url.database or "")).written)
    stopping = asyncio.Event()
    async with AsyncExitStack() as stack:
        # Each is stopped in reverse order, also when a later one cannot start.
        stack.push_async_callback(domain.tail.stop)
        await domain.tail.start(head)
        stack.push_async_callback(domain.forgetting.known.stop)
        domain.forgetting.known.start(erasures, after=head)
        if domain.settings.broadcast_url != ALONE:
            domain.database.on_append(wakeups.announce)
            stack.push_async_callback(wakeups.stop)
            await wakeups.start()
        if domain.settings.automations:
            stack.push_async_callback(domain.automations.stop)
            await domain.automations.start()
        if domain.settings.webhooks:
            await stack.enter_async_context(domain.webhooks.running())
            await stack.enter_async_context(domain.visitors.running())
        stack.push_async_callback(domain.sessions.stop)
        await domain.sessions.start()
        loops = (_upkeep(domain).run, domain.forgetting.work.run, domain.maintenance.timer.run)
        tasks = [asyncio.create_task(run(stopping)) for run in loops]
        try:
            yield
        finally:
            stopping.set()
            domain.forgetting.known.changed.set()
            domain.maintenance.timer.changed.set()
            await asyncio.gather(*tasks)
