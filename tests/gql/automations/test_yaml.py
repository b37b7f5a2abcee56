"""Definitions as texts, both ways."""

import re
from typing import Any

import pytest

from domain.bootstrap import Domain
from tests.client import Api
from tests.docs.blocks import blocks_in
from tests.factories import DEFINITION, make_automation
from tests.gql.dialects import on_both_databases

VALIDATE = "query ($definition: JSON!) { validateAutomation(definition: $definition) \
{ valid definition problems { path message severity line column } } }"
DRY_RUN = 'query ($definition: JSON!) { dryRunAutomation(definition: $definition, from: "2026-01-01T00:00:00Z", \
to: "2026-01-01T01:00:00Z") { changes } }'
SAVED = "automation { id version definition yaml } problems { path message severity line column }"
TEXT = """# Comments are not kept.
triggers: [{event: manual}]
actions:
  - action: log
    config:
      message: |
        One
        Two
"""
MEANT: dict[str, Any] = {
    "triggers": [{"event": "manual"}],
    "actions": [{"action": "log", "config": {"message": "One\nTwo\n"}}],
}
WRITTEN = """triggers:
  - event: manual
actions:
  - action: log
    config:
      message: |
        One
        Two
"""
REFUSED = [
    pytest.param("triggers: [", r"This is not YAML: .* \(line 1, column 12\)\.", id="syntax"),
    pytest.param("a: 1\na: 2", r"The key 'a' comes twice \(line 2, column 1\)\.", id="a key twice"),
    pytest.param("a: !!python/name:os.system x", r"The tag .* is not supported \(line 1, column 4\)\.", id="a tag"),
    pytest.param("a: &a [*a]", "nested deeper than 64 levels", id="a list in itself"),
    pytest.param("a: [" + "1," * 30_000 + "1]", "more than 20000 parts", id="too many parts"),
    pytest.param("a: " + "x" * 300_000, r"larger than 256 kB\.", id="too large"),
    pytest.param('a: "\\UFFFFFFFF"', "no such character", id="no character"),
    pytest.param("a: 1e999", "is too large: write it in quotes", id="too large a number"),
    pytest.param("just words", "must be a mapping", id="no mapping"),
]


@on_both_databases
async def test_a_definition_is_written_as_yaml_and_read_as_the_same(api: Api, domain: Domain) -> None:
    made = await api.admin.do("createAutomation", {"name": "Noter", "definition": TEXT}, SAVED)
    automation = made["automation"]
    assert (made["userErrors"], automation["definition"], automation["yaml"]) == ([], MEANT, WRITTEN)
    again = await api.admin.do("updateAutomation", {"id": automation["id"], "definition": WRITTEN}, SAVED)
    assert again["automation"] == automation
    other = WRITTEN.replace("Two", "Three")
    changed = await api.admin.do("updateAutomation", {"id": automation["id"], "definition": other}, SAVED)
    assert (changed["automation"]["version"], changed["automation"]["yaml"]) == (2, other)
    query = "query ($id: ID!) { automation(id: $id) { yaml versions(first: 5) { nodes { number yaml } } } }"
    found = (await api.responder.read(query, id=automation["id"]))["automation"]
    assert found == {
        "yaml": other,
        "versions": {"nodes": [{"number": 2, "yaml": other}, {"number": 1, "yaml": WRITTEN}]},
    }
    assert await domain.automations.reads.automation_count() == 1


@on_both_databases
async def test_the_order_of_keys_is_the_same_on_both_databases(api: Api, domain: Domain) -> None:
    automation = await make_automation(domain, definition={"actions": [], "mode": "queued", **DEFINITION})
    query = "query ($id: ID!) { automation(id: $id) { yaml } }"
    text = (await api.responder.read(query, id=automation.id))["automation"]["yaml"]
    assert re.findall(r"^\w+", text, re.MULTILINE) == ["triggers", "actions", "mode"]


async def test_a_text_is_validated_with_the_places_of_its_problems(api: Api) -> None:
    validated = (await api.responder.read(VALIDATE, definition=TEXT))["validateAutomation"]
    assert validated == {"valid": True, "definition": MEANT, "problems": []}
    wrong = TEXT.replace("message:", "massage:")
    validated = (await api.responder.read(VALIDATE, definition=wrong))["validateAutomation"]
    assert (validated["valid"], validated["definition"]) == (False, None)
    places = {problem["path"]: (problem["line"], problem["column"]) for problem in validated["problems"]}
    assert places["actions[0].config.massage"] == (6, 7)
    [problem] = (await api.responder.read(VALIDATE, definition={"triggers": []}))["validateAutomation"]["problems"]
    assert (problem["path"], problem["line"], problem["column"]) == ("triggers", None, None)


@pytest.mark.parametrize(("text", "message"), REFUSED)
async def test_a_text_that_cannot_be_read_is_a_problem_of_the_definition(api: Api, text: str, message: str) -> None:
    validated = (await api.responder.read(VALIDATE, definition=text))["validateAutomation"]
    [problem] = validated["problems"]
    assert (validated["valid"], problem["path"], problem["severity"]) == (False, "", "ERROR")
    assert re.search(message, problem["message"])
    made = await api.admin.do("createAutomation", {"name": "Noter", "definition": text}, SAVED)
    [error] = made["userErrors"]
    assert (error["code"], error["field"]) == ("BAD_USER_INPUT", ["definition"])
    assert (made["automation"], made["problems"]) == (None, [problem])


async def test_a_refused_text_has_the_places_of_its_problems_when_it_is_saved(api: Api, domain: Domain) -> None:
    automation = await make_automation(domain)
    wrong = {"id": automation.id, "definition": TEXT.replace("manual", "manuel")}
    refused = await api.admin.do("updateAutomation", wrong, SAVED)
    assert [(problem["path"], problem["line"]) for problem in refused["problems"]] == [("triggers[0].event", 2)]
    assert refused["userErrors"][0]["field"] == ["definition", "triggers", "0", "event"]


async def test_a_warning_about_a_text_has_its_place(api: Api) -> None:
    text = TEXT.replace("{event: manual}", "{event: manual}").replace("Two", "{{ health.systems['nope'].status }}")
    made = await api.admin.do("createAutomation", {"name": "Noter", "definition": text}, SAVED)
    [warning] = made["problems"]
    assert (made["userErrors"], warning["severity"], warning["line"]) == ([], "WARNING", 6)


async def test_a_dry_run_takes_a_text(api: Api) -> None:
    assert (await api.admin.read(DRY_RUN, definition=TEXT))["dryRunAutomation"] == {"changes": 0}
    error = await api.admin.error(DRY_RUN, definition="triggers: [")
    assert (error["code"], error["field"]) == ("BAD_USER_INPUT", ["definition"])
    assert "(line 1, column 12)" in error["message"]


async def test_a_run_by_hand_takes_its_payload_as_a_text(api: Api, domain: Domain) -> None:
    automation = await make_automation(domain)
    run = {"id": automation.id, "payload": "a: [1, yes]\nb: null"}
    started = await api.admin.do("runAutomation", run, "run { payload }")
    assert started["run"]["payload"] == {"a": [1, "yes"], "b": None}
    refused = await api.admin.do("runAutomation", {**run, "payload": "a: [1"}, "run { id }")
    [error] = refused["userErrors"]
    assert (error["field"], refused["run"]) == (["payload"], None)
    assert error["message"].startswith("This is not YAML: ")


async def test_all_examples_of_the_pages_are_the_same_after_being_written(api: Api, domain: Domain) -> None:
    for number, block in enumerate(blocks_in("yaml")):
        # Only files have the name beside the definition.
        text = re.sub(r"^name: .*\n", "", block.text, flags=re.MULTILINE)
        validated = (await api.responder.read(VALIDATE, definition=text))["validateAutomation"]
        assert validated["valid"], validated["problems"]
        automation = await make_automation(domain, f"{number}", definition=validated["definition"])
        query = "query ($id: ID!) { automation(id: $id) { yaml } }"
        text = (await api.responder.read(query, id=automation.id))["automation"]["yaml"]
        again = (await api.responder.read(VALIDATE, definition=text))["validateAutomation"]
        assert again["definition"] == validated["definition"]
