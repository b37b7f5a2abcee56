"""The catalogs of triggers, actions and artifacts, as the schema shows them."""

import re
from collections.abc import Iterator
from typing import Any

from domain.bootstrap import Domain
from tests.client import Api, Json

ACTIONS = "{ actions { name displayName description category icon configSchema outputSchema produces consumes } }"
ARTIFACTS = "{ artifactTypes { name displayName description dataSchema } }"


async def test_every_action_declares_settings_and_an_artifact(api: Api, domain: Domain) -> None:
    actions = (await api.anonymous.read(ACTIONS))["actions"]
    assert [action["name"] for action in actions] == [action.id for action in domain.automations.catalog.actions.all()]
    types = {type["name"] for type in (await api.anonymous.read(ARTIFACTS))["artifactTypes"]}
    for action in actions:
        assert all(action[name] for name in ("displayName", "description", "category", "icon"))
        assert action["configSchema"]["type"] == "object"
        assert action["outputSchema"]["type"] == "object"
        assert {action["produces"], *action["consumes"]} <= {None, *types}
    by_id = {action["name"]: action for action in actions}
    assert (by_id["incident.create"]["produces"], by_id["incident.resolve"]["consumes"]) == (
        "incident.incident",
        ["incident.incident"],
    )


async def test_every_type_of_artifact_has_a_schema_of_the_data(api: Api) -> None:
    types = (await api.anonymous.read(ARTIFACTS))["artifactTypes"]
    assert types
    for type in types:
        assert type["displayName"]
        assert type["description"]
        assert type["dataSchema"]["properties"]


async def test_triggers_with_settings_have_a_schema_of_them(api: Api) -> None:
    triggers = (await api.anonymous.read("{ triggers { name configSchema } }"))["triggers"]
    schemas = {trigger["name"]: trigger["configSchema"] for trigger in triggers}
    assert schemas["incident.created"] is None
    assert any(schema is not None and schema["type"] == "object" for schema in schemas.values())


async def test_the_schema_of_definitions_is_complete_and_described(api: Api) -> None:
    schema = (await api.anonymous.read("{ automationSchema }"))["automationSchema"]
    assert set(schema["required"]) <= set(schema["properties"])
    assert {"triggers", "conditions", "actions", "mode"} <= set(schema["properties"])
    assert all(part["description"] for part in schema["properties"].values())
    named = {node["$ref"] for node in _objects(schema) if "$ref" in node}
    assert named == {f"#/$defs/{name}" for name in schema["$defs"]}
    for node in _objects(schema):
        if "pattern" in node:
            re.compile(node["pattern"])
        for key in ("anyOf", "oneOf"):
            assert node.get(key, ["something"])


def _objects(node: Any) -> Iterator[Json]:
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from _objects(value)
    elif isinstance(node, list):
        for value in node:
            yield from _objects(value)
