"""The values of expressions, known and unknown."""

from datetime import timedelta
from typing import Any

import pytest

from domain.automations.expressions.errors import EvaluationError, ExpressionError, UndefinedValueError
from domain.automations.expressions.language import compile_expression
from tests.domain.automations.conditions.scopes import NOW, make_scope


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("trigger.payload.title", "Down"),
        ('trigger["payload"]["title"]', "Down"),
        ("trigger.payload.items", ["a", "b"]),
        ("trigger.payload.items[1]", "b"),
        ("trigger.payload.items[-1]", "b"),
        ("trigger.payload.count + 2 * 3", 9),
        ("7 % 4 - 1", 2),
        ("-trigger.payload.count", -3),
        ("3 / 2", 1.5),
        ("1 < trigger.payload.count < 5", True),
        ("5 > trigger.payload.count > 3", False),
        ("'b' in trigger.payload.items", True),
        ("trigger.payload.count in (1, -2, 3)", True),
        ("trigger.payload.title not in ['Up']", True),
        ("'title' in trigger.payload", True),
        ("'ow' in trigger.payload.title", True),
        ("trigger.payload.count is in [3]", True),
        ("variables.none is none", True),
        ("variables.gone is defined", False),
        ("variables.id is not none", True),
        ("'yes' if trigger.payload.count == 3 else 'no'", "yes"),
        ("variables.empty or 'fallback'", "fallback"),
        ("not variables.empty", True),
        ("now", "2026-03-01T09:30:00.000Z"),
        ("'\\u00e9' 'a\\n'", "éa\n"),
        ("true and none", None),
    ],
)
def test_an_expression_has_the_value_that_it_has_in_jinja(source: str, value: Any) -> None:
    assert compile_expression(source).value(make_scope(), now=NOW) == value


def test_a_name_that_jinja_reserves_can_be_read() -> None:
    assert compile_expression("result + context").value({"result": 1, "context": 2}, now=NOW) == 3


def test_an_attribute_is_the_key_of_an_object_and_never_a_method() -> None:
    scope = {"payload": {"items": 1, "keys": 2, "get": 3}}
    assert compile_expression("payload.items + payload.keys + payload.get").value(scope, now=NOW) == 6


@pytest.mark.parametrize(
    "path",
    [
        "payload.items",
        "text.upper",
        "text['upper']",
        "list.append",
        "number.real",
        "text[0]",
        "list[9]",
        "list['0']",
        "payload[nothing]",
        "payload[list]",
    ],
)
def test_attributes_of_a_value_that_is_no_object_are_undefined(path: str) -> None:
    scope = {"payload": {}, "text": "abc", "list": [1], "number": 5, "nothing": None}
    with pytest.raises(UndefinedValueError):
        compile_expression(path).value(scope, now=NOW)


@pytest.mark.parametrize("key", ["__class__", "_private"])
def test_a_key_with_an_underscore_cannot_be_reached_by_a_dynamic_item(key: str) -> None:
    with pytest.raises(UndefinedValueError):
        compile_expression("payload[key]").value({"payload": {key: 1}, "key": key}, now=NOW)


@pytest.mark.parametrize(
    "source",
    [
        "gone",
        "gone.further.down",
        "not gone",
        "gone == 1",
        "gone != 1",
        "not gone == 1",
        "not (gone or false)",
        "gone and true",
        "gone or false",
        "true and gone",
        "gone < 5",
        "gone not in [1]",
        "1 not in gone",
        "gone is in [1]",
        "gone is none",
        "gone + 1 > 0",
        "-gone < 1",
        "gone | upper == 'A'",
        "1 if gone else 1",
        "not (1 < gone < 3)",
        "trigger.payload[gone] == 1",
        "'a' | replace(gone, 'b') == 'a'",
    ],
)
def test_a_decisive_undefined_value_makes_a_condition_false(source: str) -> None:
    assert compile_expression(source).decided(make_scope(), now=NOW).value is not True


@pytest.mark.parametrize(
    "source",
    [
        "gone == 1 or true",
        "true or gone",
        "not (gone and false)",
        "not (false and gone)",
        "gone | default(1) == 1",
        "gone is not defined",
        "true if true else gone",
        "not (5 < 1 < gone)",
    ],
)
def test_an_undefined_value_that_does_not_decide_is_ignored(source: str) -> None:
    assert compile_expression(source).decided(make_scope(), now=NOW).value


@pytest.mark.parametrize(
    ("source", "path", "column"),
    [
        ("gone", "gone", 1),
        ("trigger.payload.gone.more", "trigger.payload.gone", 1),
        ("1 + trigger['gone'] + gone", "trigger.gone", 5),
        ("(gone | default(1)) + variables.missing", "variables.missing", 23),
        ("trigger.payload.items[7]", "trigger.payload.items[7]", 1),
        ("trigger[variables.id]", "trigger[…]", 1),
        ("trigger.payload.items[0].gone", "trigger.payload.items[0].gone", 1),
        ("(trigger.payload.items | first).gone", "gone", 32),
        ("trigger.payload['a-b']", "trigger.payload['a-b']", 1),
    ],
)
def test_the_error_of_a_value_names_the_path_that_is_missing(source: str, path: str, column: int) -> None:
    with pytest.raises(UndefinedValueError) as caught:
        compile_expression(source).value(make_scope(), now=NOW)
    assert (caught.value.path, caught.value.line, caught.value.column) == (path, 1, column)


@pytest.mark.parametrize(
    "source",
    [
        "1 / 0",
        "1 % 0",
        "'a' + 'b'",
        "'a' * 1000000000",
        "[1] * 1000000000",
        "'%1000000000d' % 1",
        "true + 1",
        "-'a'",
        "1 < 'a'",
        "none < 1",
        "1 in 5",
        "9223372036854775807 + 1",
        "9223372036854775807 * 9223372036854775807",
        "1e300 * 1e300",
        "variables.id | minutes",
        "deep == other",
    ],
)
def test_an_expression_without_a_value_raises_an_error(source: str) -> None:
    deep: list[Any] = []
    other: list[Any] = []
    for _ in range(5000):
        deep, other = [deep], [other]
    with pytest.raises(EvaluationError):
        compile_expression(source).decided(make_scope(deep=deep, other=other), now=NOW)


def test_an_operand_that_does_not_decide_is_not_evaluated() -> None:
    assert not compile_expression("false and 1 / 0").decided({}, now=NOW).value
    assert compile_expression("true or 1 / 0").decided({}, now=NOW).value
    assert compile_expression("1 if true else 1 / 0").decided({}, now=NOW).value


def test_now_is_the_moment_of_each_evaluation() -> None:
    expression = compile_expression("now")
    later = expression.value({"now": "of the scope"}, now=NOW + timedelta(seconds=1))
    assert (expression.value({}, now=NOW), later) == ("2026-03-01T09:30:00.000Z", "2026-03-01T09:30:01.000Z")


def test_evaluating_does_not_change_the_scope() -> None:
    scope = make_scope()
    compile_expression("trigger.payload.items | sort | first == now").decided(scope, now=NOW)
    assert scope == make_scope()


def test_a_source_is_compiled_once() -> None:
    assert compile_expression("trigger.id == 1") is compile_expression("trigger.id == 1")


@pytest.mark.parametrize(
    ("source", "line", "column"),
    [
        ("a b", 1, 3),
        ("a ==", 1, 5),
        ("a\n  + #", 2, 5),
        ("a\r\nand b.__class__", 2, 6),
        ("'text", 1, 1),
        ("a | nothing", 1, 5),
        ("", 1, 1),
    ],
)
def test_an_error_names_its_line_and_column(source: str, line: int, column: int) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_expression(source)
    assert (caught.value.code, caught.value.line, caught.value.column) == ("BAD_USER_INPUT", line, column)
