"""Automations, runs, tokens, secrets and integrations for random queries, with all that may be missing from them."""

import random
from datetime import datetime, timedelta
from typing import Any

from domain.alerts.service import WriteIntegration
from domain.automations.services.automations import WriteAutomation
from domain.bootstrap import Domain
from domain.entities.origin import Origin
from domain.ids import new_id
from domain.model.actor import Actor, ActorType, Cause
from domain.model.automation import Artifact, AutomationRun, Firing, RunStatus, RunStep, SkipReason, StepStatus
from domain.model.channel import Channel
from domain.model.commands import CreateIncident
from domain.model.incident import Severity
from domain.model.integration import IntegrationType
from domain.model.secret import Secret
from domain.model.token import ApiToken
from domain.model.viewer import Role, Viewer, Visibility
from domain.persistence.unit_of_work import UnitOfWork
from domain.services.maintenance.commands import AddMaintenanceUpdate, ChangeMaintenanceInstance
from tests.factories import DEFINITION, make_maintenance
from tests.gql.compiled.webhooks import fill_webhook
from tests.inside import inside

_TEXTS = (None, "noted", 'Quotes " and \\ and /', "Línea\nnueva", "\U0001f525 火事")
_VALUES: tuple[Any, ...] = (
    None,
    {},
    [],
    {"b": 1, "a": [True, None, 1.5, -0.25, "é\U0001f525"], "nested": {"Key": {"key": 10**12}}},
    "text",
)
_GROUPS = (None, "alerts", "Größe")
_ACTORS = (
    Actor(type=ActorType.SYSTEM, id="system", name="System"),
    Actor(type=ActorType.SERVICE, id="aut_1", name=None),
    Actor(type=ActorType.USER, id="usr_1", name="rita@example.com"),
)
_STARTED = (RunStatus.RUNNING, RunStatus.WAITING, RunStatus.SUCCESS, RunStatus.FAILED, RunStatus.CANCELLED)


async def fill_automations(domain: Domain, chance: random.Random, viewer: Viewer, systems: list[str]) -> list[str]:
    """Make automations with versions and runs, tokens and secrets; return the ids of everything."""
    ids: list[str] = []
    for number in range(5):
        command = WriteAutomation(
            name=f"automation {number} {new_id('key')[-6:]}",
            description=chance.choice(_TEXTS),
            group=chance.choice(_GROUPS),
            enabled=chance.random() < 0.6,
            definition=DEFINITION,
        )
        made = (await domain.automations.service.create(viewer, command)).value
        assert made is not None
        ids += [made.id, f"{made.id}:1"]
        for mode in chance.sample(("parallel", "queued", "restart"), chance.randint(0, 3)):
            command = WriteAutomation(definition={**DEFINITION, "mode": mode})
            await domain.automations.service.update(viewer, made.id, command)
        for _ in range(chance.randint(0, 6)):
            ids += await _fill_run(domain, chance, made.id, systems)
    await domain.automations.service.delete(viewer, ids[0])
    for number in range(4):
        ids += await _fill_credentials(domain, chance, systems, number)
    return ids


async def _fill_run(domain: Domain, chance: random.Random, automation_id: str, systems: list[str]) -> list[str]:
    run = _run(chance, automation_id, domain.clock.now())
    steps = [_step(chance, run, place) for place in range(chance.randint(0, 5) if run.started_at else 0)]
    artifacts = [_artifact(chance, run, step) for step in steps if chance.random() < 0.6]

    async def write(unit: UnitOfWork) -> list[str]:
        await unit.runs.insert(run)
        await unit.runs.lock([run.id])
        for step in steps:
            await unit.runs.put_step(step)
        for artifact in artifacts:
            await unit.artifacts.add(artifact, entity_id=artifact.data.get("incidentId"))
        if not chance.randint(0, 1):
            return []
        return [await _open(domain, chance, unit, run, systems) for _ in range(chance.randint(1, 2))]

    opened = (await inside(domain).database.write(write)).value
    return [run.id, *opened, *(artifact.id for artifact in artifacts), *(step.id for step in steps[:1])]


async def _open(domain: Domain, chance: random.Random, unit: UnitOfWork, run: AutomationRun, systems: list[str]) -> str:
    """Open an incident in the name of a run."""
    actor = Actor(type=chance.choice((ActorType.SERVICE, ActorType.SERVICE, ActorType.USER)), id="aut_1", name="noter")
    command = CreateIncident(title="By a run", severity=chance.choice(list(Severity)), systems=systems[:1])
    origin = Origin(actor=actor, cause=Cause(change_id=run.firing.change_id, run_id=run.id, depth=1), run_id=run.id)
    draft = domain.incidents.draft(actor, command)
    return (await domain.incidents.create_in(unit, draft, command, origin=origin)).incident.id


def _run(chance: random.Random, automation_id: str, now: datetime) -> AutomationRun:
    status = chance.choice(list(RunStatus))
    started = now + timedelta(microseconds=chance.randint(0, 10**7)) if status in _STARTED else None
    ended = now + timedelta(microseconds=chance.randint(10**7, 10**9)) if status.is_final else None
    return AutomationRun(
        id=new_id("run"),
        automation_id=automation_id,
        number=1,
        trigger_id="created",
        firing=Firing(
            event="incident.created",
            key=new_id("key"),
            payload=chance.choice([value for value in _VALUES if isinstance(value, dict)]),
            actor=chance.choice(_ACTORS),
            context_key=chance.choice((None, "sys_1")),
            change_id=chance.choice((None, new_id("chg"))),
            depth=chance.randint(0, 3),
            occurred_at=now,
        ),
        bucket="all",
        status=status,
        reason=chance.choice(list(SkipReason)) if status is RunStatus.SKIPPED else None,
        message=chance.choice(_TEXTS),
        created_at=now,
        started_at=started,
        finished_at=ended,
    )


def _step(chance: random.Random, run: AutomationRun, place: int) -> RunStep:
    assert run.started_at is not None
    status = chance.choice(list(StepStatus))
    return RunStep(
        run_id=run.id,
        path=f"actions[{place}]" + ".choose[0]" * chance.randint(0, 2),
        # Two of one position are told apart by their paths.
        position=max(1, place),
        kind=chance.choice(("action", "wait_until")),
        action=chance.choice((None, "incident.create")),
        action_id=chance.choice((None, "open")),
        status=status,
        attempts=chance.randint(1, 3),
        input=chance.choice(_VALUES),
        output=chance.choice(_VALUES),
        error=chance.choice(_TEXTS),
        started_at=run.started_at,
        finished_at=run.finished_at if status.is_final else None,
        due_at=chance.choice((None, run.started_at)),
    )


def _artifact(chance: random.Random, run: AutomationRun, step: RunStep) -> Artifact:
    return Artifact(
        id=new_id("art"),
        automation_id=run.automation_id,
        run_id=run.id,
        path=step.path,
        action_id="open",
        type="incident.incident",
        data={"incidentId": new_id("inc"), "systemIds": [], "status": "fixing"},
        owned=chance.random() < 0.5,
        context_key=run.firing.context_key,
        created_at=step.started_at,
        closed_at=step.finished_at,
    )


async def _fill_credentials(domain: Domain, chance: random.Random, systems: list[str], number: int) -> list[str]:
    now = domain.clock.now()
    token = ApiToken(
        id=new_id("tok"),
        name=f"monitor {number}",
        role=chance.choice((Role.VIEWER, Role.RESPONDER, Role.ADMIN)),
        created_at=now,
        created_by=chance.choice((None, *_ACTORS)),
        expires_at=chance.choice((None, now + timedelta(days=1))),
        systems=chance.choice((None, frozenset(systems[:2]))),
    )
    name = f"KEY_{number}_{token.id[-6:]}"
    secret = Secret(id=new_id("sec"), name=name, created_at=now, updated_at=now, created_by=_ACTORS[2])

    async def write(unit: UnitOfWork) -> None:
        await unit.tokens.insert(token, token.id)
        await unit.secrets.insert(secret, "sealed")
        if number % 2:
            await unit.tokens.lock(token.id)
            await unit.tokens.revoke(token.id, at=now)

    await inside(domain).database.write(write)
    channel = Channel(
        id=new_id("chn"),
        name=f"Größe {new_id('key')}",
        service="Slack",
        address="slack:///****",
        created_at=now,
        updated_at=now,
        created_by=chance.choice(_ACTORS),
    )
    await inside(domain).database.write(lambda unit: unit.channels.insert(channel, "sealed"))
    maintained = await _fill_maintenance(domain, chance, systems, number)
    others = await fill_webhook(domain, chance, chance.choice(_ACTORS))
    others += await _fill_integration(domain, chance, number)
    return [token.id, secret.id, channel.id, *maintained, *others]


async def _fill_maintenance(domain: Domain, chance: random.Random, systems: list[str], number: int) -> list[str]:
    """Schedule maintenance for some audience, with all that may be missing from it."""
    author = Viewer(actor=chance.choice(_ACTORS), role=Role.ADMIN)
    window = await make_maintenance(
        domain,
        *systems[:2],
        begins=chance.choice((-1, 1)),
        title=chance.choice(("Disks", "Größe")),
        description=chance.choice((None, "New ones")),
        visibility=chance.choice(list(Visibility)),
        recurrence=chance.choice((None, "FREQ=MONTHLY;COUNT=3")),
    )
    for _ in range(number % 3):
        await domain.maintenance.add_update(author, AddMaintenanceUpdate(id=window.id, message="So far"))
    change = ChangeMaintenanceInstance(id=window.id, original_start=window.starts_at, title="This time")
    await domain.maintenance.change_instance(author, change)
    if chance.random() < 0.3:
        await domain.maintenance.cancel(author, window.id)
    return [window.id]


async def _fill_integration(domain: Domain, chance: random.Random, number: int) -> list[str]:
    """Make an integration, with a delivery that does nothing and one that is refused."""
    kind = chance.choice((IntegrationType.PAGERDUTY, IntegrationType.UPTIME_KUMA))
    command = WriteIntegration(
        name=f"monitor {number}",
        enabled=chance.random() < 0.7,
        system_mapping=chance.choice(({}, {"labels": ["service"], "values": {"Größe": "a"}, "unknown": "refuse"})),
        severity_mapping=chance.choice(({}, {"default": "major"})),
        mapping=chance.choice(({}, {"labels": {"b": "1", "a": "x"}})),
        keep_bodies=chance.random() < 0.7,
        masked_fields=chance.choice(((), ("password", "Größe"))),
    )
    author = Viewer(actor=chance.choice(_ACTORS), role=Role.ADMIN)
    integration, _ = (await domain.integrations.create(author, kind, command)).value
    bodies = ({"heartbeat": None, "msg": "Testing"}, {"heartbeat": None, "msg": "Testing"}, {"password": "🔥"})
    received = [await domain.integrations.receiver.receive(integration, body) for body in bodies]
    return [integration.id, *{each.delivery.id for each in received}]
