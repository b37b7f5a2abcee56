"""Explanations: the graph of causes."""

import pytest

from domain.automations.services.explanation import EdgeKind, Explanation, Explanations
from domain.errors import InvalidInputError, NotFoundError
from domain.model.automation import RunStatus
from domain.model.change import Change
from domain.model.incident import Health
from tests.conftest import CountStatements
from tests.domain.automations.world import World
from tests.domain.dialects import on_one_database
from tests.factories import log_of, make_incident, make_system
from tests.inside import inside

OPEN = {
    "id": "open",
    "action": "incident.create",
    "config": {"title": "Down", "severity": "major", "systemIds": ["{{ trigger.payload.systemId }}"]},
}
ANSWER = {
    "action": "incident.add_update",
    "config": {"incidentId": "{{ trigger.payload.incidentId }}", "message": "Seen", "statusChange": "identified"},
}


async def chain(world: World) -> list[Change]:
    """Make a chain: a system degrades, one automation opens an incident, a second reacts, a third skips."""
    await make_system(world.domain)
    await world.automation(OPEN, name="opens", triggers=[{"event": "system.degraded"}])
    await world.automation(ANSWER, name="answers")
    await world.automation(ANSWER, name="idle", triggers=[{"event": "incident.created", "filter": "1 == 2"}])
    await world.report("payments", Health.UNHEALTHY)
    await world.settle()
    return [change for change in await log_of(world.domain) if change.kind != "automation_run"]


def edges_of(explanation: Explanation) -> list[tuple[str, str]]:
    """Return the edges, with what is behind their ids."""
    names = {run.id: f"{run.firing.event} {run.status}" for run in explanation.runs}
    names |= {change.id: f"{change.kind} {change.action}" for change in explanation.changes}
    return [(names[edge.source], f"{edge.link} {names[edge.target]}") for edge in explanation.edges]


WHOLE = {
    ("health created", "fired system.degraded success"),
    ("system.degraded success", "wrote incident created"),
    ("health created", "caused incident created"),
    ("incident created", "fired incident.created success"),
    ("incident created", "fired incident.created skipped"),
    ("incident.created success", "wrote incident updated"),
    ("incident created", "caused incident updated"),
}


@on_one_database
async def test_from_its_root_a_chain_is_explained_to_its_end(world: World) -> None:
    root, *_ = await chain(world)
    explanation = await world.domain.automations.explanations.explain(change_id=root.id)
    assert set(edges_of(explanation)) == WHOLE
    assert len(explanation.edges) == len(WHOLE)
    assert (explanation.start, explanation.truncated) == ((root.id,), False)


@on_one_database
async def test_from_its_end_a_chain_is_explained_to_its_root(world: World) -> None:
    *_, last = await chain(world)
    explanation = await world.domain.automations.explanations.explain(change_id=last.id)
    assert set(edges_of(explanation)) == WHOLE - {("incident created", "fired incident.created skipped")}


@on_one_database
async def test_a_firing_that_led_to_no_run_says_why(world: World) -> None:
    await chain(world)
    [skipped] = await world.runs(RunStatus.SKIPPED)
    explanation = await world.domain.automations.explanations.explain(run_id=skipped.id)
    assert [str(run.reason) for run in explanation.runs if run.reason] == ["filter"]
    assert ("incident created", "fired incident.created skipped") in edges_of(explanation)


@on_one_database
async def test_a_change_of_a_run_explains_the_run(world: World) -> None:
    await chain(world)
    change = next(change for change in await log_of(world.domain) if change.kind == "automation_run")
    explanation = await world.domain.automations.explanations.explain(change_id=change.id)
    assert explanation.start == (change.entity_id,)
    assert all(node.kind != "automation_run" for node in explanation.changes)


@on_one_database
async def test_an_incident_is_explained_by_its_changes(world: World) -> None:
    _, created, updated = await chain(world)
    explanation = await world.domain.automations.explanations.explain(incident_id=created.entity_id)
    assert explanation.start == (created.id, updated.id)
    assert set(edges_of(explanation)) == WHOLE


@on_one_database
async def test_a_full_graph_is_truncated_and_marked(world: World) -> None:
    root, *_ = await chain(world)
    explanation = await Explanations(inside(world.domain).database, most_nodes=3).explain(change_id=root.id)
    assert len(explanation.changes) + len(explanation.runs) == 3
    assert explanation.truncated
    assert {edge.link for edge in explanation.edges} == {EdgeKind.FIRED, EdgeKind.WROTE, EdgeKind.CAUSED}


async def test_each_step_through_the_graph_costs_two_statements(
    world: World, count_statements: CountStatements
) -> None:
    root, *_ = await chain(world)
    with count_statements() as few:
        await world.domain.automations.explanations.explain(change_id=root.id)
    for _ in range(5):
        await world.automation(name=f"more {_}", triggers=[{"event": "system.degraded", "filter": "1 == 2"}])
    await make_system(world.domain, "search")
    await world.report("search", Health.UNHEALTHY)
    await world.settle()
    other = next(change for change in await log_of(world.domain) if change.kind == "health" and change.id != root.id)
    with count_statements() as many:
        explanation = await world.domain.automations.explanations.explain(change_id=other.id)
    assert len(explanation.runs) == 8
    assert len(many) == len(few)


@on_one_database
async def test_a_missing_node_cannot_be_explained(world: World) -> None:
    explain = world.domain.automations.explanations.explain
    for named in ({"change_id": "chg_none"}, {"run_id": "run_none"}, {"incident_id": "inc_none"}):
        with pytest.raises(NotFoundError):
            await explain(**named)
    with pytest.raises(InvalidInputError):
        await explain()
    incident = await make_incident(world.domain)
    with pytest.raises(InvalidInputError):
        await explain(change_id="chg_none", incident_id=incident.id)
