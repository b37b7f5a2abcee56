"""Random queries over random data, the compiled path beside the generic one: the answers have to be equal to the byte.

python -m tests.gql.compiled.differential --count 5000 --seed 7 [--database postgresql://...]
"""

import argparse
import asyncio
import json
import random
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import orjson

from domain.bootstrap import Domain, running_domain
from domain.ids import new_id
from domain.model.actor import Actor, ActorType
from domain.model.commands import (
    AddIncidentLink,
    AddIncidentUpdate,
    AssignIncident,
    CreateIncident,
    RelateIncidents,
    ReportSystemHealth,
)
from domain.model.filters import EVERYTHING
from domain.model.incident import Health, HealthOverride, Severity, Status
from domain.model.moment import iso
from domain.model.paging import Order, PageRequest
from domain.model.positions import incident_position, system_position
from domain.model.relation import RelationType
from domain.model.viewer import ANONYMOUS, Audience, Role, Viewer, Visibility
from domain.settings import Settings
from gql.compiled.running import CompiledOperations
from gql.context import Context
from gql.schema import schema
from gql.types.enums import IncidentOrderField, SystemOrderField
from tests.factories import make_system
from tests.gql.compiled.automations import fill_automations
from tests.gql.compiled.queries import Known, Query, QueryMaker

_TEXTS = (
    "Checkout fails",
    'Quotes " and \\ and /',
    "Línea nueva",
    "\U0001f525 火事 مشكلة",
    "a" * 110,
    "{}[]:,null",
)
_LONG_TEXTS = (*_TEXTS, "Two\nlines\tand a tab", "### Late\n# **Early**\n#### Why\n\n- all")
VIEWERS = (
    ANONYMOUS,
    Viewer(actor=Actor(type=ActorType.USER, id="usr_viewer", name="Vera"), role=Role.VIEWER),
    Viewer(actor=Actor(type=ActorType.USER, id="usr_responder", name="rita@example.com"), role=Role.RESPONDER),
    Viewer(actor=Actor(type=ActorType.SERVICE, id="svc_automation", name=None), role=Role.ADMIN),
    # Sees what managers see, and may do little.
    Viewer(actor=Actor(type=ActorType.SERVICE, id="svc_reader", name="reader"), role=Role.VIEWER),
)


#: Most of what there is only the latter may ask for.
_CALLERS = (*VIEWERS, *VIEWERS[2:4], VIEWERS[3], VIEWERS[3])
_USUAL = Order(field="created_at")
_SYSTEM_ORDERS = [
    Order(field=field.value, descending=descending) for field in SystemOrderField for descending in (False, True)
]
_ORDERS = [
    Order(field=field.value, descending=descending) for field in IncidentOrderField for descending in (True, False)
]
_ORDERS.append(Order(field="severity", then=Order(field="resolved_at", descending=False)))


#: The fields of lists in the order of ids, the names of their cursors, and how ids begin in them.
_BY_ID = (
    ("automations", "automations", "aut_"),
    ("automationRuns", "runs", "run_"),
    ("runs", "runs", "run_"),
    ("artifacts", "run.artifacts", "art_"),
    ("tokens", "tokens", "tok_"),
    ("secrets", "secrets", "sec_"),
    ("integrations", "integrations", "int_"),
    ("integrationDeliveries", "integration.deliveries", "dlv_"),
    ("channels", "channels", "chn_"),
    ("webhooks", "webhooks", "whk_"),
    ("webhookDeliveries", "webhook.deliveries", "whd_"),
    ("maintenances", "maintenances", "mnt_"),
)


@dataclass(slots=True)
class Tally:
    """The number of queries that were compared, and why the others were not compiled."""

    compared: int = 0
    refused: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)
    #: Queries in which the generic path cancels itself.
    cancelled: list[str] = field(default_factory=list)


async def fill(domain: Domain, chance: random.Random, *, incidents: int = 25) -> list[str]:
    """Make incidents of all kinds with timelines and links of all visibilities; return the ids of everything."""
    systems = [await make_system(domain, f"system-{new_id('key')[-8:]}", name=chance.choice(_TEXTS)) for _ in range(4)]
    ids = [system.id for system in systems]
    for _ in range(incidents):
        author = chance.choice(VIEWERS[2:4])
        command = CreateIncident(
            title=chance.choice(_TEXTS),
            severity=chance.choice(list(Severity)),
            systems=[each.id for each in chance.sample(systems, chance.randint(1, 4))],
            description=chance.choice((None, *_LONG_TEXTS)),
            dedupe_key=chance.choice((None, "key")),
            suppress_notifications=chance.random() < 0.5,
            health_override=chance.choice((None, *HealthOverride)),
            occurred_at=domain.clock.now() - timedelta(milliseconds=chance.randint(0, 10**7)),
            labels=[(key, chance.choice(_TEXTS)) for key in ("team", "a.b") if chance.random() < 0.5],
        )
        incident = (await domain.incidents.create(author, command)).value.incident
        assert incident is not None
        ids.append(incident.id)
        await _tell(domain, chance, author, incident.id)
        others = [known for known in ids[:-1] if known.startswith("inc_")]
        if others and chance.random() < 0.7:
            kind, other = chance.choice(list(RelationType)), chance.choice(others)
            await domain.relations.relate(author, RelateIncidents(id=incident.id, type=kind, to=other))
    for system in systems:
        for _ in range(chance.randint(0, 3)):
            report = ReportSystemHealth(
                system=system.id,
                status=chance.choice(list(Health)),
                message=chance.choice((None, *_TEXTS[:4])),
            )
            await domain.health.report(VIEWERS[2], report)
    return [*ids, *await fill_automations(domain, chance, VIEWERS[3], [system.id for system in systems])]


async def _tell(domain: Domain, chance: random.Random, author: Viewer, incident_id: str) -> None:
    for _ in range(chance.randint(0, 6)):
        update = AddIncidentUpdate(
            incident_id=incident_id,
            message=chance.choice(_LONG_TEXTS),
            status_change=chance.choice((None, *Status)),
            visibility=chance.choice(list(Visibility)),
        )
        await domain.timeline.add(author, update)
    for number in range(chance.randint(0, 3)):
        link = AddIncidentLink(
            incident_id=incident_id,
            url=f"https://example.com/{number}",
            label=chance.choice((None, *_TEXTS[:4])),
            visibility=chance.choice(list(Visibility)),
        )
        await domain.links.add(author, link)
    if chance.random() < 0.5:
        await domain.responders.acknowledge(author, incident_id)
        await domain.responders.assign(VIEWERS[2], AssignIncident(id=incident_id, lead=VIEWERS[2].actor.id))
        await domain.responders.snooze(author, incident_id, domain.clock.now() + timedelta(hours=1))


async def compare(domain: Domain, *, count: int, seed: int, incidents: int = 25) -> Tally:
    """Ask so many random queries both ways."""
    chance = random.Random(seed)
    ids = await fill(domain, chance, incidents=incidents)
    maker = QueryMaker(schema._schema, chance, await known(domain, ids))
    compiled = CompiledOperations(schema, schema.documents, domain)
    tally = Tally(reasons=compiled.cache.reasons)
    for _ in range(count):
        query, viewer = maker.make(), chance.choice(_CALLERS)
        await _compare(domain, compiled, query, viewer, tally)
    return tally


async def _compare(domain: Domain, compiled: CompiledOperations, query: Query, viewer: Viewer, tally: Tally) -> None:
    def context() -> Context:
        return Context(domain=domain, request_id="req_1", viewer=viewer, address="192.0.2.1")

    try:
        generic: Any = await schema.execute(query.text, variable_values=query.variables, context_value=context())
    except asyncio.CancelledError:
        tally.cancelled.append(query.text)
        return
    results = [await compiled.execute(query.text, query.variables, None, context()) for _ in range(2)]
    if results[1] is None:
        tally.refused += bool(generic.errors)
        return
    tally.compared += 1
    said = orjson.dumps([generic.data, [error.formatted for error in generic.errors or ()], generic.extensions])
    answer = results[1]
    shown = orjson.dumps([answer.data, [error.formatted for error in answer.errors or ()], answer.extensions])
    if said != shown:
        variables = json.dumps(query.variables)
        tally.differences.append(f"{query.text}\n{variables}\ngeneric  {said.decode()}\ncompiled {shown.decode()}")


async def known(domain: Domain, made: Sequence[str]) -> Known:
    """Return what there is in the data."""
    ids = [*made, new_id("inc"), new_id("upd"), "none", "\0"]
    codec, page = domain.reads.cursors, PageRequest(size=25)
    found = (await domain.reads.incident_page(EVERYTHING, Order(field="created_at"), page, Audience.MANAGER)).items
    cursors: dict[str, list[str]] = {"updates": [], "links": []}
    for incident in found[::4]:
        for order in _ORDERS:
            name, position = f"incidents:{order.name}", incident_position(incident, order)
            cursors.setdefault(name, []).append(codec.encode(name, position))
            cursors.setdefault(f"System_{name}", []).append(codec.encode(f"system.{name}", position))
        updates = await domain.reads.update_pages([incident.id], page, Audience.MANAGER)
        for entry in updates[incident.id].items[:2]:
            ids.append(entry.id)
            for name in ("updates", "links"):
                cursors[name].append(codec.encode(name, [iso(entry.created_at), entry.id]))
        for name in ("System_incidents", "openIncidents"):
            cursors.setdefault(name, []).append(codec.encode("system.incidents", [incident.id]))
        links = await domain.reads.link_pages([incident.id], page, Audience.MANAGER)
        ids += [link.id for link in links[incident.id].items]
        history = await domain.reads.histories([incident.id], page)
        cursors.setdefault("history", []).extend(
            codec.encode("history", [step.id]) for step in history[incident.id].items
        )
    for order in _SYSTEM_ORDERS:
        name = f"systems:{order.name}"
        systems = (await domain.reads.system_page(order, page)).items
        cursors[name] = [codec.encode(name, system_position(system, order)) for system in systems]
    ids += [system.key for system in systems]
    places = [codec.position(seq) for seq in range(1, await domain.events.head(), 7)]
    cursors |= {"incidentEvents": places, "incidentChanges": places}
    for name, list_name, prefix in _BY_ID:
        cursors[name] = [codec.encode(list_name, [known]) for known in made if known.startswith(prefix)]
    cursors["versions"] = [codec.encode("automation.versions", [number]) for number in (1, 2, 3)]
    cursors["steps"] = [codec.encode("run.steps", [place, f"actions[{place}]"]) for place in (1, 2, 3)]
    cursors["changes"] = [codec.encode("run.changes", [seq]) for seq in range(1, await domain.events.head(), 5)]
    return Known(
        ids=ids,
        moments=[iso(incident.occurred_at + timedelta(seconds=1)) for incident in found],
        texts=(_TEXTS[0], "checkout", "INC-7", "fai", "two lines", "火", "🔥", "?", "none"),
        labels=("team", "a.b", "none"),
        groups=("alerts", "Größe", "none"),
        cursors=cursors,
        orders={
            "incidents": [_USUAL.name] * 12 + [order.name for order in _ORDERS],
            "System_incidents": [""] * 6 + [order.name for order in _ORDERS],
            "systems": [order.name for order in _SYSTEM_ORDERS],
        },
    )


async def _main(database_url: str, count: int, seed: int) -> Tally:
    settings = Settings(database_url=database_url, automations=False, rate_limit=0)
    async with running_domain(settings, live=False) as domain:
        return await compare(domain, count=count, seed=seed)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tally = asyncio.run(_main(given.database or f"sqlite:///{folder}/made.db", given.count, given.seed))
    print(f"{tally.compared} of {given.count} compared, {len(tally.differences)} differ, {tally.refused} refused")
    print("cancelled", len(tally.cancelled), *tally.cancelled[:1])
    print(dict(tally.reasons.most_common(40)))
    print("\n\n".join(each[:3_000] for each in tally.differences[:5]))
