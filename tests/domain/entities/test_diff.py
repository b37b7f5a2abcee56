"""Differences between states, and the one text of a value."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.entities.canonical import canonical_text, value_text
from domain.entities.diff import diff
from tests.examples import examples

names = st.text(alphabet="abcde", min_size=1, max_size=3)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=8
)
states = st.dictionaries(names, values, max_size=4)


def test_creating_changes_all_fields() -> None:
    difference = diff(None, {"status": "open", "size": 1})

    assert difference.changed_fields == ("size", "status")
    assert difference.delta == {"size": 1, "status": "open"}


def test_the_difference_to_a_state_of_nulls_is_empty() -> None:
    assert not diff(None, {"status": None})


def test_the_difference_of_one_field_is_that_field_alone() -> None:
    difference = diff({"status": "open", "size": 1}, {"status": "open", "size": 2})

    assert difference.changed_fields == ("size",)
    assert difference.delta == {"size": 2}


def test_a_field_that_is_gone_is_null_in_the_delta() -> None:
    assert diff({"status": "open", "size": 1}, {"status": "open"}).delta == {"size": None}


def test_the_order_and_nesting_of_keys_is_no_difference() -> None:
    prev = {"labels": {"a": {"x": 1, "y": 2}, "b": 3}, "size": 1}
    after = {"size": 1, "labels": {"b": 3, "a": {"y": 2, "x": 1}}}

    assert not diff(prev, after)


def test_a_difference_deep_inside_is_found() -> None:
    assert diff({"labels": {"a": {"x": 1}}}, {"labels": {"a": {"x": 2}}}).changed_fields == ("labels",)


@pytest.mark.parametrize("after", [pytest.param(["a"], id="shorter"), pytest.param(["b", "a"], id="in another order")])
def test_a_change_of_a_list_is_found(after: list[str]) -> None:
    assert diff({"parts": ["a", "b"]}, {"parts": after}).delta == {"parts": after}


def test_the_text_of_a_string_is_the_string() -> None:
    assert value_text('say "hi"') == 'say "hi"'


def test_the_text_of_nothing_is_the_word_null() -> None:
    assert value_text(None) == "null"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param(3, "3", id="number"),
        pytest.param(True, "true", id="truth"),
        pytest.param(["b", 1], '["b",1]', id="list"),
        pytest.param({"b": 1, "a": None}, '{"a":null,"b":1}', id="object"),
    ],
)
def test_the_text_of_anything_else_is_its_json(value: Any, text: str) -> None:
    assert value_text(value) == text


def test_equal_strings_have_equal_texts() -> None:
    assert value_text("resolved") == value_text("".join(["reso", "lved"]))


def test_the_canonical_text_does_not_depend_on_the_order_of_keys() -> None:
    assert canonical_text({"b": 1, "a": 2}) == canonical_text({"a": 2, "b": 1})


def test_a_field_that_is_absent_equals_one_that_is_null() -> None:
    assert not diff({"status": "open"}, {"status": "open", "size": None})


def test_the_canonical_text_of_nested_values_is_deterministic() -> None:
    value = {"z": [{"y": 1, "x": {"w": 2, "v": 3}}], "a": "ä"}

    assert canonical_text(value) == '{"a":"ä","z":[{"x":{"v":3,"w":2},"y":1}]}'


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(1, 2, id="numbers"),
        pytest.param(1, "1", id="a number and its digits"),
        pytest.param(None, "null", id="nothing and the word"),
        pytest.param([1, [2]], [[1], 2], id="lists of another shape"),
    ],
)
def test_different_values_have_different_canonical_texts(one: Any, other: Any) -> None:
    assert canonical_text(one) != canonical_text(other)


def test_the_order_of_a_list_is_part_of_its_canonical_text() -> None:
    assert canonical_text([1, 2]) != canonical_text([2, 1])


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_numbers_that_json_cannot_hold_are_null(number: float) -> None:
    assert canonical_text({"size": [number]}) == '{"size":[null]}'


def test_integers_too_large_for_json_readers_are_texts() -> None:
    assert canonical_text([2**53 - 1, 2**53]) == '[9007199254740991,"9007199254740992"]'


def test_inside_an_object_an_explicit_null_differs_from_an_absent_key() -> None:
    assert diff({"labels": {"a": None}}, {"labels": {}}).changed_fields == ("labels",)


def test_objects_are_equal_whatever_the_order_of_their_keys() -> None:
    assert not diff({"labels": {"a": 1, "b": [2]}}, {"labels": {"b": [2], "a": 1}})


def test_objects_that_really_differ_are_not_equal() -> None:
    assert diff({"labels": {"a": 1, "b": [2]}}, {"labels": {"b": [3], "a": 1}})


@examples(80)
@given(prev=states, after=states)
def test_applying_the_delta_to_the_former_state_gives_the_next_one(prev: dict[str, Any], after: dict[str, Any]) -> None:
    difference = diff(prev, after)
    applied = {**prev, **difference.delta}

    assert set(difference.delta) == set(difference.changed_fields)
    assert not diff(applied, after)
    assert all(canonical_text(applied.get(name)) == canonical_text(after.get(name)) for name in {*applied, *after})


@examples(80)
@given(state=states)
def test_a_state_does_not_differ_from_itself(state: dict[str, Any]) -> None:
    assert not diff(state, state)


@examples(80)
@given(prev=states, after=states)
def test_there_and_back_the_same_fields_differ(prev: dict[str, Any], after: dict[str, Any]) -> None:
    assert diff(prev, after).changed_fields == diff(after, prev).changed_fields


@examples(80)
@given(state=states, shuffle=st.randoms())
def test_the_order_of_keys_never_matters_at_any_depth(state: dict[str, Any], shuffle: Any) -> None:
    shuffled = _shuffled(state, shuffle)

    assert not diff(state, shuffled)
    assert canonical_text(state) == canonical_text(shuffled)


@examples(80)
@given(value=values)
def test_a_canonical_text_is_canonical_json_of_itself(value: Any) -> None:
    text = canonical_text(value)

    assert canonical_text(json.loads(text)) == text


@examples(80)
@given(value=values, other=values, same=st.booleans())
def test_fields_differ_exactly_where_their_canonical_texts_do(value: Any, other: Any, same: bool) -> None:
    # Of two drawn by themselves, few are equal.
    other = json.loads(canonical_text(value)) if same else other
    assert bool(diff({"field": value}, {"field": other})) is (canonical_text(value) != canonical_text(other))


@pytest.mark.parametrize("other", [math.nan, math.inf, None, 0, "", [], {}, False], ids=repr)
def test_null_differs_from_all_but_what_is_stored_as_null(other: Any) -> None:
    assert bool(diff({"field": None}, {"field": other})) is (canonical_text(other) != "null")


def _shuffled(value: Any, shuffle: Any) -> Any:
    if isinstance(value, dict):
        items = [(key, _shuffled(item, shuffle)) for key, item in value.items()]
        shuffle.shuffle(items)
        return dict(items)
    return [_shuffled(item, shuffle) for item in value] if isinstance(value, list) else value
