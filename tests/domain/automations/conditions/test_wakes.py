"""The references that a waiting condition listens to (285 to 300)."""

from typing import Any

import pytest

from domain.automations.conditions.model import Negation
from domain.automations.conditions.wakes import WakeReferences, wake_references
from tests.domain.automations.conditions.parsing import parse_condition
from tests.domain.automations.conditions.scopes import make_scope


def refs(document: Any, **known: Any) -> set[str]:
    found = wake_references(parse_condition(document), **known)
    assert not found.indeterminate
    return set(found.refs)


def test_285_a_state_condition_listens_to_the_health_of_its_system() -> None:
    assert refs({"state": {"entity": "api", "status": "healthy"}}) == {"health:api"}


def test_286_for_does_not_change_the_references_of_a_state_condition() -> None:
    assert refs({"state": {"entity": "api", "status": "healthy", "for": {"minutes": 5}}}) == {"health:api"}


def test_a_template_in_for_adds_its_references() -> None:
    duration = {"template": "{{ state.incident.inc_1.number }}"}
    found = refs({"state": {"entity": "api", "status": "healthy", "for": duration}})
    assert found == {"health:api", "incident:inc_1"}


def test_287_a_numeric_condition_listens_to_the_health_in_its_path() -> None:
    assert refs({"numeric_state": {"value": "health.systems.api.latency_ms", "above": 1}}) == {"health:api"}


def test_288_a_numeric_condition_listens_to_the_entity_in_its_path() -> None:
    assert refs({"numeric_state": {"value": "state.incident.inc_1.number", "above": 1}}) == {"incident:inc_1"}


def test_289_a_literal_number_listens_to_nothing() -> None:
    assert refs({"numeric_state": {"value": 5, "above": 1}}) == set()


def test_a_window_of_time_listens_to_nothing() -> None:
    assert refs({"time": {"after": "09:00"}}) == set()


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param("state.incident.inc_1.status == 'resolved'", {"incident:inc_1"}, id="290 a dotted id"),
        pytest.param("state.incident['inc-1'].status == 'x'", {"incident:inc-1"}, id="291 an id with a hyphen"),
        pytest.param("state['incident'][\"inc-1\"]", {"incident:inc-1"}, id="an indexed kind"),
        pytest.param("state.incident[42]", {"incident:42"}, id="a number as id"),
        pytest.param("health.systems['api-1'].status == 'healthy'", {"health:api-1"}, id="292 an indexed system"),
        pytest.param("health.systems.api.status == 'healthy'", {"health:api"}, id="292 a dotted system"),
        pytest.param("health.systems[variables.id].status", {"health:*"}, id="a dynamic system"),
        pytest.param("health.systems", {"health:*"}, id="all systems"),
        pytest.param("health", {"health:*"}, id="all of health"),
        pytest.param("health.other.thing", {"health:*"}, id="other health"),
        pytest.param("health.system.status == 'healthy'", {"health:*"}, id="293 the context's system is any"),
        pytest.param("state.a.x and state.b.y or health.systems.c", {"a:x", "b:y", "health:c"}, id="294 several"),
        pytest.param("state.a.x.m == 1 and state.a.x.n == 2", {"a:x"}, id="295 duplicates removed"),
        pytest.param("state.incident[variables.id].status", {"incident:*"}, id="297 a dynamic id is any"),
        pytest.param("state.incident", {"incident:*"}, id="298 a kind without an id is any"),
        pytest.param("state.a[state.b.x.id]", {"a:*", "b:x"}, id="an id that another entity has"),
        pytest.param(
            "(state.a.x if state.b.y else state.c.z) | default(state.d.w)", {"a:x", "b:y", "c:z", "d:w"}, id="all"
        ),
        pytest.param("trigger.id == variables.id and now > 'x'", set(), id="no entity"),
        pytest.param("trigger.state.incident == 'state.a.b'", set(), id="state that is no root"),
    ],
)
def test_an_expression_listens_to_its_references(source: str, expected: set[str]) -> None:
    assert refs(source) == expected


def test_293_a_known_context_system_is_the_only_reference() -> None:
    assert refs("health.system.status == 'healthy'", context_system="api") == {"health:api"}


def test_296_combinators_have_the_references_of_their_parts() -> None:
    document = {"and": ["state.a.x", {"or": ["state.b.y", {"not": {"state": {"entity": "c", "status": "healthy"}}}]}]}
    assert refs(document) == {"a:x", "b:y", "health:c"}


@pytest.mark.parametrize("source", ["state[variables.kind].x", "state", "state[variables.kind].x and state.a.b"])
def test_299_a_dynamic_kind_is_indeterminate(source: str) -> None:
    assert wake_references(source).indeterminate


def test_300_an_unparsable_condition_is_indeterminate() -> None:
    assert wake_references("a ==") == WakeReferences(frozenset(), indeterminate=True)
    # A stored condition of a time when more was accepted is not validated again.
    stored = Negation.model_construct(condition="a ==")
    assert wake_references(stored) == WakeReferences(frozenset(), indeterminate=True)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("state.incident[artifacts.open.incident.incidentId].status == 'resolved'", {"incident:inc_9"}),
        ("state[variables.kind][variables.id].status", {"incident:inc_1"}),
        ("health.systems[trigger.payload.items | first].status", {"health:a"}),
        ("state.incident[variables.gone].status", {"incident:*"}),
        ("state.incident[variables.empty].status", {"incident:*"}),
        ("state.incident[variables.none].status", {"incident:*"}),
        ("state.incident[1 / 0].status", {"incident:*"}),
        ("state.incident[now].status", {"incident:*"}),
    ],
)
def test_an_id_that_is_an_expression_is_resolved_in_the_scope(source: str, expected: set[str]) -> None:
    assert refs(source, scope=make_scope()) == expected
