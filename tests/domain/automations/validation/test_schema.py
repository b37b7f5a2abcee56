"""The JSON Schema of definitions, for editors."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from domain.automations.definitions.definition import STEPS, Definition

SCHEMA = Definition.model_json_schema()
STORED = Path(__file__).with_name("definition.schema.json")


def fields(schema: Any) -> Iterator[tuple[str, Any]]:
    for name, part in {"Definition": schema, **schema["$defs"]}.items():
        yield from ((f"{name}.{key}", value) for key, value in part.get("properties", {}).items())


def test_every_part_of_the_schema_has_a_description() -> None:
    parts = SCHEMA["$defs"]
    assert [name for name, part in parts.items() if "properties" in part and not part.get("description")] == []


def test_every_field_of_the_schema_has_a_description() -> None:
    assert [name for name, field in fields(SCHEMA) if not field.get("description")] == []


def test_every_kind_of_step_is_in_the_schema() -> None:
    offered = {part["$ref"].rpartition("/")[2] for part in SCHEMA["properties"]["actions"]["items"]["oneOf"]}
    assert offered == {model.__name__ for model in STEPS.values()}


def test_keys_of_the_schema_are_as_people_write_them() -> None:
    names = {name for name, _ in fields(SCHEMA)}
    assert {"TriggerPart.for", "ChooseNode.else", "Repeat.while", "All.and", "Negation.not"} <= names


def test_parts_of_the_schema_are_not_named_after_modules() -> None:
    # That is what two classes of one name become, and a move of either would change what clients get.
    assert [name for name in SCHEMA["$defs"] if "__" in name] == []


def test_the_schema_changes_on_purpose_only() -> None:
    # When it was on purpose: write json.dumps(SCHEMA, indent=1, sort_keys=True) and a line's end into the file.
    assert json.loads(STORED.read_text()) == SCHEMA
