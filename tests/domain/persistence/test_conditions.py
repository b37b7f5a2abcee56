"""Filters: SQL on incidents, SQL on the log, and the rule for a state agree."""

import os
import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
import sqlalchemy as sa

from domain.bootstrap import Domain
from domain.entities.incident import ACKNOWLEDGED, CREATED, RESOLVED, UPDATED
from domain.model.commands import AssignIncident, CreateIncident
from domain.model.filters import UNRECORDED, AllOf, AnyOf, Field, Filter, Not, Operator, Term, matches
from domain.model.incident import Severity, Status
from domain.model.moment import parse_iso
from domain.model.paging import PageRequest
from domain.model.viewer import SYSTEM_VIEWER, Audience
from domain.persistence.conditions import as_recorded, incident_condition, recorded_condition
from domain.persistence.log_tables import changes
from domain.persistence.tables import incidents
from domain.persistence.unit_of_work import ReadSession
from domain.services.events import Watch
from tests.conftest import SteppingClock
from tests.examples import share
from tests.factories import ADMIN, log_of, make_incident, make_system, make_token, set_status
from tests.inside import inside
from tests.shared import clock_of, in_module_loop

ORDERED = (Operator.EQ, Operator.GT, Operator.GTE, Operator.LT, Operator.LTE)
MOMENTS = (Field.OCCURRED_AT, Field.CREATED_AT, Field.UPDATED_AT, Field.RESOLVED_AT)
#: Keys of labels; one holds what paths into JSON are made of.
LABELS = ("team", "a.b/c-d")
SEEDS = [1, 2]
_EVENTS = [(CREATED, UPDATED, RESOLVED), (UPDATED,), (CREATED, ACKNOWLEDGED), (ACKNOWLEDGED,)]
#: How many filters are tried for each seed, and of the log a quarter as many; FILTERS=1000 tries that many.
FILTERS = int(os.environ.get("FILTERS", share(80)))


pytestmark = in_module_loop


class Trees:
    """Random filters over all fields that states have, with values that incidents have and values that none has."""

    def __init__(self, chance: random.Random, states: Sequence[dict[str, Any]], systems: Sequence[str]) -> None:
        self._chance = chance
        self._systems = [*systems, "sys_unknown"]
        self._moments = sorted({parse_iso(state[name]) for state in states for name in MOMENTS if state[name]})
        self._numbers = range(len(states) + 2)
        self._people = sorted({state["lead"]["id"] for state in states if state.get("lead")})

    def tree(self, depth: int = 3) -> Filter:
        """Return one filter, nested at most so deep."""
        kind = self._chance.choice(["term", "all", "any", "not"]) if depth else "term"
        if kind == "term":
            return self._term()
        if kind == "not":
            return Not(self.tree(depth - 1))
        parts = tuple(self.tree(depth - 1) for _ in range(self._chance.randrange(4)))
        return AllOf(parts) if kind == "all" else AnyOf(parts)

    def _term(self) -> Term:
        field = self._chance.choice([field for field in Field if field not in UNRECORDED])
        if field in MOMENTS:
            moment = self._chance.choice(self._moments) + timedelta(milliseconds=self._chance.choice([-1, 0, 0, 1]))
            return Term(field, self._chance.choice(ORDERED), moment)
        match field:
            case Field.NUMBER:
                return Term(field, self._chance.choice(ORDERED), self._chance.choice(self._numbers))
            case Field.SEVERITY if self._chance.random() < 0.5:
                return Term(field, self._chance.choice(ORDERED), self._chance.choice(list(Severity)))
            case Field.OPEN | Field.ACKNOWLEDGED | Field.LEAD | Field.ASSIGNEE if (
                field not in {Field.LEAD, Field.ASSIGNEE} or self._chance.random() < 0.5
            ):
                return Term(field, Operator.EQ, self._chance.random() < 0.5)
            case Field.LABEL:
                return Term(field, Operator.IN, (self._chance.choice([*LABELS, "none"]), *self._some(field)))
            case _:
                return Term(field, Operator.IN, self._some(field))

    def _some(self, field: Field) -> tuple[Any, ...]:
        values: dict[Field, Sequence[Any]] = {
            Field.STATUS: list(Status),
            Field.SEVERITY: list(Severity),
            Field.SYSTEM: self._systems,
            Field.LABEL: ["", "one", "two", 'th"ree'],
            Field.LEAD: [*self._people, "nobody"],
            Field.ASSIGNEE: [*self._people, "nobody"],
            Field.OPENED_BY: [ADMIN.actor.id, SYSTEM_VIEWER.actor.id, "nobody"],
        }
        return tuple(self._chance.sample(values[field], self._chance.randrange(3)))


async def _varied_incidents(domain: Domain, clock: SteppingClock, chance: random.Random) -> list[str]:
    """Open 30 varied incidents, one of them without systems, and return the ids of the remaining systems."""
    keys = ["api", "web", "db"]
    systems = [(await make_system(domain, key)).id for key in keys]
    people = [(await make_token(domain))[0].id for _ in range(2)]
    for number in range(30):
        command = CreateIncident(
            title=f"Title {number}",
            severity=chance.choice(list(Severity)),
            systems=[*chance.sample(keys[:2], chance.randrange(1, 3)), *chance.sample(keys[2:], chance.randrange(2))],
            occurred_at=clock.moment - timedelta(minutes=chance.randrange(60)),
            labels=[(key, chance.choice(["one", "two", 'th"ree'])) for key in LABELS if chance.random() < 0.5],
        )
        viewer = chance.choice([ADMIN, SYSTEM_VIEWER])
        incident = (await domain.incidents.create(viewer, command)).value.incident
        assert incident is not None
        if chance.random() < 0.5:
            await domain.responders.acknowledge(viewer, incident.id)
            several = chance.sample(people, chance.randrange(3))
            assign = AssignIncident(id=incident.id, lead=chance.choice(people), assignees=several)
            await domain.responders.assign(viewer, assign)
        if chance.random() < 0.6:
            await set_status(domain, incident, chance.choice(list(Status)))
        clock.advance(milliseconds=chance.randrange(2_000))
    await make_system(domain, "gone")
    await make_incident(domain, "gone")
    await domain.systems.delete(ADMIN, "gone")
    return systems


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def systems(shared: Domain) -> Sequence[str]:
    """Write varied incidents, which no test changes, and return the ids of their systems."""
    return await _varied_incidents(shared, clock_of(shared), random.Random(1))


@pytest.mark.parametrize("seed", SEEDS)
async def test_incidents_their_recorded_states_and_the_rule_agree_on_every_filter(
    shared: Domain, systems: Sequence[str], seed: int
) -> None:
    chance = random.Random(seed)
    latest = {change.entity_id: change for change in await log_of(shared)}
    states = {identifier: dict(change.after or {}) for identifier, change in latest.items()}
    seqs = [change.seq for change in latest.values()]
    trees = Trees(chance, list(states.values()), systems)

    async def agree(session: ReadSession) -> None:
        for number in range(FILTERS):
            tree = trees.tree()
            ruled = {identifier for identifier, state in states.items() if matches(tree, state)}
            where = incident_condition(session.connection.dialect, tree, Audience.PUBLIC)
            found = set(await session.connection.scalars(sa.select(incidents.c.id).where(where)))
            where = sa.and_(
                changes.c.seq.in_(seqs),
                recorded_condition(session.connection.dialect, as_recorded(tree), changes.c.after),
            )
            recorded = set(await session.connection.scalars(sa.select(changes.c.entity_id).where(where)))
            assert (found, recorded) == (ruled, ruled), f"seed {seed}, filter {number}: {tree}"

    await inside(shared).database.read(agree)


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_page_of_the_log_holds_the_changes_of_a_live_reader(
    shared: Domain, systems: Sequence[str], seed: int
) -> None:
    chance = random.Random(seed)
    log = await log_of(shared)
    trees = Trees(chance, [dict(change.after or {}) for change in log], systems)
    for _ in range(FILTERS // 4):
        watch = Watch(
            audience=chance.choice(list(Audience)),
            tree=trees.tree(),
            actions=chance.choice([None, tuple({change.action for change in chance.sample(log, 2)})]),
            events=chance.choice([None, None, *_EVENTS]),
            entity_id=chance.choice([None, None, chance.choice(log).entity_id]),
        )
        page = await shared.events.page(watch, PageRequest(size=100))
        assert list(page.items) == [change for change in log if watch.wants(change)], f"seed {seed}: {watch}"
        assert await shared.events.count(watch) == len(page.items)
