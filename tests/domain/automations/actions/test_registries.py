"""The catalogs of actions and artifacts."""

from typing import Any

import pytest
from pydantic import BaseModel

from domain.automations.actions.incidents import ARTIFACT
from domain.automations.actions.registry import ActionRegistry, ActionType, ArtifactType, Result, VersionedConfig
from tests.domain.automations.validation.definitions import CATALOG


class Settings(BaseModel):
    size: int


async def perform(config: Any, context: Any) -> Result:
    return Result()


def make_action(**fields: Any) -> ActionType:
    texts = {"id": "test.do", "display_name": "Do", "description": "Does it.", "icon": "Play"}
    return ActionType(**{**texts, "config": VersionedConfig(1, Settings), "perform": perform, **fields})


def test_an_action_without_a_category_has_a_default_one() -> None:
    assert make_action().category == "Uncategorized"


def test_an_action_has_the_json_schema_of_its_settings() -> None:
    assert make_action().config_schema["properties"]["size"]["type"] == "integer"


def test_an_action_is_registered_once() -> None:
    registry = ActionRegistry()
    registry.register(make_action())
    with pytest.raises(ValueError, match="registered already"):
        registry.register(make_action())


def test_an_artifact_is_registered_once() -> None:
    registry = ActionRegistry()
    artifact = ArtifactType(id="test.thing", display_name="Thing", description="A thing.", data=Settings)
    registry.register_artifact(artifact)
    with pytest.raises(ValueError, match="registered already"):
        registry.register_artifact(artifact)


@pytest.mark.parametrize("fields", [{"perform": None}, {"perform_in": perform}, {"produces": "no.such"}])
def test_an_action_that_cannot_work_is_not_registered(fields: Any) -> None:
    with pytest.raises(ValueError, match=r"needs either|unknown type"):
        ActionRegistry().register(make_action(**fields))


def test_migrations_of_settings_must_have_no_gap() -> None:
    with pytest.raises(ValueError, match="without a gap"):
        VersionedConfig(3, Settings, {2: dict})


def test_settings_of_an_earlier_version_are_migrated() -> None:
    config = VersionedConfig(2, Settings, {1: lambda old: {"size": old["length"]}})
    assert config.migrated({"length": 2}) == {"size": 2}


def test_an_artifact_is_known_by_its_local_name() -> None:
    artifact = CATALOG.actions.artifact(ARTIFACT)
    assert artifact is not None
    assert artifact.local_name == "incident"


def test_actions_are_found_by_category() -> None:
    incidents = {action.id for action in CATALOG.actions.all() if action.category == "Incidents"}
    assert incidents >= {"incident.create", "incident.resolve", "incident.add_update", "incident.update_status"}
