"""Documents as people write them."""

import pytest

from domain.automations.definitions.documents import TextPlace, UnreadableDocumentError, load_document
from domain.errors import InvalidInputError


def test_json_and_yaml_give_the_same_document() -> None:
    assert load_document('{"a": [1, 2.5, null, true, "x"]}') == load_document("a: [1, 2.5, ~, true, x]")


@pytest.mark.parametrize("text", ["2026-01-01", "10:30", "007", "yes", "on", "0x1F", "1_000", ".inf", "'2'"])
def test_a_scalar_that_only_yaml_1_1_converts_is_a_text(text: str) -> None:
    assert load_document(f"a: {text}") == {"a": text.strip("'")}


def test_an_empty_value_is_null() -> None:
    assert load_document("a:\nb: 1e3\nc: -4") == {"a": None, "b": 1000.0, "c": -4}


def test_an_alias_is_expanded() -> None:
    assert load_document("a: &x {b: 1}\nc: *x") == {"a": {"b": 1}, "c": {"b": 1}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3", r"The key 'a' comes twice \(line 3, column 1\)"),
        ('{"a": 1, "a": 2}', "The key 'a' comes twice"),
        ("5: a", r"A key is a text: write it in quotes \(line 1, column 1\)"),
        ("? [a]\n: b", "A key is a text"),
        ("!!str {a: 1}: b", "A key is a text"),
        ("a: !!int abc", "not what its tag says"),
        ("a: !!seq x", r"not what its tag says \(line 1, column 4\)"),
        ("a: !!map [x]", "not what its tag says"),
        ("a: !!str [x]", "not what its tag says"),
        ("a: 1e999", r"The number 1e999 is too large: write it in quotes \(line 1, column 4\)"),
        ("a: 9223372036854775808", "is too large"),
        ('{"a": 9223372036854775808}', "is too large"),
        ('{"a": 1e999}', "is too large"),
        ('a: "\\UFFFFFFFF"', "there is no such character"),
        ('a: "\\U00110000"', "there is no such character"),
        ("a: 1\nb: x\x07", r"a character that no text may have \(line 2, column 5\)"),
        ('{"a": NaN}', "NaN is no number"),
        ("a: 1\n---\nb: 2", "This is not YAML"),
        ("a:\n\t- b", r"line 2, column 1"),
        ("- a", "must be a mapping"),
        ("", "must be a mapping"),
    ],
)
def test_an_invalid_document_is_refused_with_its_message(text: str, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        load_document(text)


def test_a_refused_document_has_its_place() -> None:
    with pytest.raises(UnreadableDocumentError) as refused:
        load_document("a: 1\nb: [1\n")
    assert refused.value.place == TextPlace(line=3, column=1)
    assert refused.value.message.endswith(" (line 3, column 1).")
