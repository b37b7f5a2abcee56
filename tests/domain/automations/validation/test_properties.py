"""Properties of all documents."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from domain.automations.conditions.model import Condition
from domain.automations.conditions.wakes import wake_references
from domain.automations.definitions.definition import (
    STEPS,
    ChooseNode,
    ConditionNode,
    Definition,
    IfNode,
    WaitUntilNode,
    kind_of,
    walk,
)
from domain.automations.expressions.secret_references import secret_names
from domain.automations.triggers.schedule import next_firing
from domain.automations.validation import InvalidDefinitionError, parsed, problems_of
from tests.domain.automations.validation.definitions import CATALOG, DEDUPED
from tests.examples import examples

TEXTS = st.sampled_from(
    [
        "true",
        "x",
        "",
        "artifacts.a",
        "vars.b",
        "{{ artifacts.a.incident }}",
        "{{",
        "${{ secrets.A }}",
        "${{ secrets.",
        "${{ github.event.x && steps.a.outputs.b }}",
        "={{ $json.x }}",
        "{{ states('a.b') }}",
        "\0",
    ]
)
KEYS = st.sampled_from(
    [*STEPS, "triggers", "actions", "conditions", "when", "event", "config", "else", "for", "and", "not", "time", "id"]
)
#: What other products have at such places.
FOREIGN = st.sampled_from(
    [
        "trigger",
        "condition",
        "action",
        "platform",
        "state",
        "time",
        "template",
        "service",
        "data",
        "alias",
        "wait_template",
        "timeout",
        "default",
        "entity_id",
        "value_template",
        "weekday",
        "on",
        "jobs",
        "nodes",
        "steps",
        "uses",
        "with",
        "run",
        "name",
        "env",
        "runs-on",
        "parameters",
        "type",
    ]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | st.text(max_size=5)
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4))

EACH = {"for_each": ["a", "{{ trigger.id }}"]}
CONDITIONS = st.sampled_from(
    [
        "trigger.payload.x",
        "vars.b == 1",
        "artifacts.a is defined",
        {"and": ["true", {"not": "health.system.status == 'healthy'"}]},
        {"time": {"after": "10:00"}},
        {"numeric_state": {"value": "repeat.index", "above": 1}},
    ]
)
LEAVES = st.one_of(
    st.builds(lambda name: {"id": name, "action": "incident.create", "config": DEDUPED}, st.sampled_from("abc")),
    st.builds(lambda text: {"action": "log", "config": {"message": text}}, TEXTS),
    st.builds(lambda value: {"variables": {"b": value}}, SCALARS),
    st.builds(lambda condition: {"condition": condition}, CONDITIONS),
    st.builds(lambda condition: {"wait_until": {"condition": condition}}, CONDITIONS),
    st.sampled_from([{"stop": {}}, {"delay": {"seconds": 1}}, {"wait_for_trigger": {"event": "incident.updated"}}]),
)
STEP = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda steps: {"parallel": steps}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(
            lambda when, steps, other: {"choose": [{"when": when, "sequence": steps}], "else": other},
            CONDITIONS,
            st.lists(inner, min_size=1, max_size=2),
            st.lists(inner, max_size=2),
        ),
        st.builds(
            lambda held, steps, other: {"if": held, "then": steps, "else": other},
            CONDITIONS | st.lists(CONDITIONS, min_size=1, max_size=2),
            st.lists(inner, min_size=1, max_size=2),
            st.lists(inner, max_size=2),
        ),
        st.builds(
            lambda steps, how: {"repeat": {**how, "sequence": steps}},
            st.lists(inner, min_size=1, max_size=2),
            st.sampled_from(
                [{"count": 2}, {"until": "vars.b"}, {"while": "repeat.first"}, {"for_each": "vars.b"}, EACH]
            ),
        ),
    ),
    max_leaves=6,
)
TRIGGER = st.sampled_from(
    [
        {"event": "incident.created"},
        {"event": "time.cron", "config": {"cron": "0 0 29 2 *"}},
        {"event": "system.degraded", "for": {"minutes": 1}},
    ]
)


def is_read_or_has_problems(document: Any) -> bool:
    """Return True for a document that is read or has problems; any other error is raised."""
    try:
        return parsed(document, CATALOG) is not None
    except InvalidDefinitionError as refused:
        return bool(refused.problems)


@examples(100)
@given(JSON)
def test_any_document_is_read_or_has_problems(document: Any) -> None:
    assert is_read_or_has_problems(document)


@examples(100)
@given(JSON)
def test_any_steps_are_read_or_have_problems(step: Any) -> None:
    assert is_read_or_has_problems({"triggers": [{"event": "manual"}], "actions": [step]})


@examples(100)
@given(
    st.recursive(
        SCALARS | FOREIGN,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | FOREIGN, inner, max_size=5),
    )
)
def test_any_words_of_others_are_read_or_have_problems(part: Any) -> None:
    document = {"triggers": [part, {"event": "manual"}], "conditions": [part], "actions": [part], "jobs": part}
    assert is_read_or_has_problems(document)
    assert is_read_or_has_problems({"trigger": part, "action": part, "condition": part})


@examples(100)
@given(st.lists(STEP, max_size=4), TRIGGER)
def test_an_accepted_definition_can_be_run(steps: list[Any], trigger: Mapping[str, Any]) -> None:
    document = {"triggers": [trigger], "actions": steps}
    if problems_of(document, CATALOG):
        return
    definition = Definition.model_validate(document)
    assert Definition.model_validate(definition.model_dump(mode="json", by_alias=True, exclude_none=True)) == definition
    secret_names(definition.model_dump(mode="json"))
    for part in definition.triggers:
        next_firing(part, after=datetime(2026, 3, 1, tzinfo=UTC))
    for _, node in walk(definition.actions):
        assert kind_of(node) in STEPS
        for condition in conditions_of(node):
            wake_references(condition)


def conditions_of(node: Any) -> list[Condition]:
    match node:
        case ChooseNode():
            return [branch.when for branch in node.choose]
        case ConditionNode() | IfNode():
            return [node.condition]
        case WaitUntilNode():
            return [node.wait_until.condition]
    return []
