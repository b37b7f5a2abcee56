"""Puts the domain together: the only place that constructs its parts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from domain.clock import Clock
from domain.entities.derivers import DeriverRegistry
from domain.entities.handle import EntityHandle
from domain.entities.incident import KIND, define_incident, derive, to_payload
from domain.entities.masking import SecretMasker
from domain.entities.registry import EntityRegistry
from domain.entities.subscribers import ChangeSubscribers
from domain.entities.triggers import TriggerRegistry, register_incident_triggers
from domain.messaging.buckets import Buckets, make_buckets
from domain.messaging.tail import LogTail
from domain.messaging.wakeups import WakeUps
from domain.model.cursor import CursorCodec
from domain.model.incident import Incident
from domain.persistence.database import Database
from domain.persistence.engines import create_engines, database_url
from domain.persistence.migrate import migrate
from domain.services.ciphers import SecretKeys
from domain.services.demo import DemoService
from domain.services.events import EventService
from domain.services.incidents import IncidentService
from domain.services.links import LinkService
from domain.services.oidc import OidcRules, OidcVerifier
from domain.services.reads import Reads
from domain.services.secrets import SecretService
from domain.services.sessions import Sessions
from domain.services.systems import SystemService
from domain.services.timeline import TimelineService
from domain.services.tokens import TokenService
from domain.services.upkeep import Upkeep
from domain.services.writing import Writer
from domain.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """The running domain."""

    settings: Settings
    clock: Clock
    database: Database
    registry: EntityRegistry
    derivers: DeriverRegistry
    masker: SecretMasker
    handle: EntityHandle[Incident]
    triggers: TriggerRegistry
    tail: LogTail
    subscribers: ChangeSubscribers
    cursors: CursorCodec
    incidents: IncidentService
    timeline: TimelineService
    links: LinkService
    systems: SystemService
    events: EventService
    reads: Reads
    tokens: TokenService
    secrets: SecretService
    sessions: Sessions
    demo: DemoService
    buckets: Buckets


@asynccontextmanager
async def running_domain(settings: Settings, *, clock: Clock | None = None, live: bool = True) -> AsyncIterator[Domain]:
    """The domain on its database, migrated; with `live` it also follows the log and tidies up.

    Raises:
        StartupError: the database or a setting makes a start impossible.
    """
    engines = create_engines(
        database_url(settings.database_url),
        sqlite_synchronous=settings.sqlite_synchronous,
        busy_millis=int(settings.sqlite_busy_seconds * 1000),
    )
    try:
        await migrate(engines)
        clock = clock or Clock()
        database = Database(engines, clock)
        key = await database.read(lambda session: session.state.get("cursor_key"))
        domain = _assemble(settings, clock, database, CursorCodec(bytes.fromhex(key or "")))
        if live:
            async with _background(domain):
                yield domain
        else:
            yield domain
        await domain.buckets.close()
        await database.close()
    finally:
        await engines.dispose()


def _assemble(settings: Settings, clock: Clock, database: Database, cursors: CursorCodec) -> Domain:
    registry, derivers, masker, triggers = EntityRegistry(), DeriverRegistry(), SecretMasker(), TriggerRegistry()
    handle = _incidents(registry, derivers, triggers)
    registry.bind(clock=clock, derivers=derivers, masker=masker)
    tail = LogTail(database, poll_seconds=settings.poll_seconds, ring_size=settings.ring_size)
    writer = Writer(database, clock)
    reads = Reads(database=database, handle=handle)
    incidents = IncidentService(writer=writer, handle=handle, clock=clock)
    timeline = TimelineService(writer=writer, handle=handle)
    systems = SystemService(writer=writer, handle=handle, clock=clock)
    sessions = Sessions(database=database, clock=clock)
    demo = DemoService(
        writer=writer, handle=handle, clock=clock, reads=reads, systems=systems, incidents=incidents, timeline=timeline
    )
    return Domain(
        settings=settings,
        clock=clock,
        database=database,
        registry=registry,
        derivers=derivers,
        masker=masker,
        handle=handle,
        triggers=triggers,
        tail=tail,
        subscribers=ChangeSubscribers(database=database, tail=tail, clock=clock),
        cursors=cursors,
        incidents=incidents,
        timeline=timeline,
        links=LinkService(writer=writer, handle=handle),
        systems=systems,
        events=EventService(database=database, tail=tail, cursors=cursors),
        reads=reads,
        tokens=_tokens(settings, clock, database, writer, sessions),
        secrets=SecretService(database=database, writer=writer, keys=_secret_keys(settings)),
        sessions=sessions,
        demo=demo,
        buckets=make_buckets(limit=settings.rate_limit, broadcast_url=settings.broadcast_url, clock=clock),
    )


def _incidents(
    registry: EntityRegistry, derivers: DeriverRegistry, triggers: TriggerRegistry
) -> EntityHandle[Incident]:
    handle = define_incident(registry)
    derivers.register(kind=KIND, derive=derive, to_payload=to_payload)
    register_incident_triggers(triggers)
    return handle


def _tokens(settings: Settings, clock: Clock, database: Database, writer: Writer, sessions: Sessions) -> TokenService:
    rules = OidcRules.of(settings)
    return TokenService(
        database=database,
        clock=clock,
        writer=writer,
        sessions=sessions,
        oidc=OidcVerifier(rules, clock) if rules else None,
        anonymous_access=settings.anonymous_access,
    )


def _secret_keys(settings: Settings) -> SecretKeys:
    url = database_url(settings.database_url)
    # Servers of one PostgreSQL database may be on machines that share no file.
    is_file = url.get_backend_name() == "sqlite"
    return SecretKeys.of(settings.secret_key, Path(f"{url.database}.key") if is_file else None)


@asynccontextmanager
async def _background(domain: Domain) -> AsyncIterator[None]:
    wakeups = WakeUps(domain.settings.broadcast_url, domain.tail.wake)
    domain.database.on_append(domain.tail.wake)
    domain.database.on_append(wakeups.announce)
    stopping = asyncio.Event()
    upkeep = Upkeep(
        database=domain.database,
        clock=domain.clock,
        event_retention_days=domain.settings.event_retention_days,
    )
    await domain.tail.start()
    await wakeups.start()
    await domain.subscribers.start()
    await domain.sessions.start()
    tidying = asyncio.create_task(upkeep.run(stopping))
    try:
        yield
    finally:
        stopping.set()
        await tidying
        await domain.sessions.stop()
        await domain.subscribers.stop()
        await wakeups.stop()
        await domain.tail.stop()
