"""Definitions as YAML: the same definition when it is read, and as people write them."""

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.automations.definitions.definition import definition_schema
from domain.automations.definitions.documents import SIZE_BYTES, load_document
from domain.automations.definitions.writing import ORDER, definition_yaml
from tests.docs.blocks import blocks_in
from tests.domain.automations.validation.definitions import CATALOG
from tests.examples import examples

EXAMPLES = [load_document(block.text) for block in blocks_in("yaml")]
#: Conditions, which are alone in their mapping.
_ALONE = {"and", "or", "not", "numeric_state", "time", "state"}
#: What YAML 1.1 or 1.2 takes for something else than a text, for a comment or for the end of a line.
_PIECES = st.sampled_from(
    [
        *(
            "\n",
            " ",
            "  ",
            ":",
            ": ",
            "- ",
            "#",
            " #",
            '"',
            "'",
            "[",
            "{",
            "}",
            ",",
            "|",
            ">",
            "\\",
            "\t",
            "\r",
            "\x85",
        ),
        *(
            "\u2028",
            "\ufeff",
            "\x7f",
            "\x01",
            "~",
            "yes",
            "on",
            "null",
            "1e3",
            "0.5",
            "1_000",
            "0x1F",
            "10:30",
            "007",
            "=",
        ),
        *(
            "<<",
            "2026-01-01",
            "---",
            "...",
            "&a",
            "*a",
            "!x",
            "%",
            "@",
            "`",
            "?",
            "🙂",
            "ä",
            "نظام",
            "{{ a.b }}",
            "key",
        ),
    ]
)
TEXTS = st.lists(_PIECES, max_size=6).map("".join) | st.text(st.characters(codec="utf-8", exclude_characters="\0"))
NUMBERS = st.integers(-(2**63) + 1, 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    TEXTS | NUMBERS | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


def shuffled(value: Any, chance: random.Random) -> Any:
    """Return the same with its keys in another order, where that is not the author's own."""
    if isinstance(value, list):
        return [shuffled(item, chance) for item in value]
    if not isinstance(value, dict):
        return value
    keys = chance.sample(list(value), len(value))
    free = {"variables", "headers", "json", "labels"}
    return {key: value[key] if key in free else shuffled(value[key], chance) for key in keys}


def config_names() -> Iterator[str]:
    """Yield the names of all settings of actions."""
    for action in CATALOG.actions.all():
        yield from action.config_schema.get("properties", {})


@given(definition=st.dictionaries(TEXTS, VALUES, max_size=4))
@example(definition={"a": "1e3", "b": "x\x85y", "c": "x\ny\n", "d": 1e22, "e": "🙂: x\n y", "k" * 200: ["|"]})
@examples(300)
def test_what_is_written_is_read_as_what_it_was(definition: dict[str, Any]) -> None:
    found = load_document(definition_yaml(definition))
    assert json.dumps(found, sort_keys=True) == json.dumps(definition, sort_keys=True)


def test_examples_are_written_in_the_order_of_their_keys() -> None:
    chance = random.Random(1)
    written = [load_document(definition_yaml(shuffled(each, chance))) for each in EXAMPLES]
    assert len(EXAMPLES) > 20
    assert [json.dumps(each) for each in written] == [json.dumps(each) for each in EXAMPLES]


def test_each_key_of_definitions_has_its_place_in_the_order() -> None:
    schema = definition_schema()
    parts = [schema, *schema["$defs"].values()]
    names = {name for part in parts for name in part.get("properties", {})} | set(config_names())
    assert names - set(ORDER) == _ALONE
    assert len(set(ORDER)) == len(ORDER)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("{{ trigger.payload.title }}: 1", '"{{ trigger.payload.title }}: 1"'),
        ("🔥: it burns", "'🔥: it burns'"),
        ("yes", '"yes"'),
        ("1e3", '"1e3"'),
        ("One\nTwo", "|-\n  One\n  Two"),
        ("One\n\n  Two\n", "|\n  One\n\n    Two"),
        ("word " * 100 + "end", "word " * 100 + "end"),
        (["payments"], "\n  - payments"),
        ({}, "{}"),
    ],
)
def test_a_value_is_written_for_people(value: Any, written: str) -> None:
    assert definition_yaml({"message": value}).rstrip("\n") == f"message: {written}".replace(": \n", ":\n")


def test_what_indenting_makes_too_large_is_written_as_json() -> None:
    deep: Any = [1] * 3_900
    for _ in range(30):
        deep = {"x": {"y": deep}}
    text = definition_yaml({"actions": deep})
    assert len(text.encode()) < SIZE_BYTES
    assert load_document(text) == {"actions": deep}
