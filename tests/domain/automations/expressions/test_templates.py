"""The values of templates, and the errors of invalid ones."""

from typing import Any

import pytest

from domain.automations.expressions.errors import EvaluationError, ExpressionError, UndefinedValueError
from domain.automations.expressions.language import compile_expression
from domain.automations.expressions.templates import compile_template
from tests.domain.automations.conditions.scopes import NOW, make_scope


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("plain", "plain"),
        ("", ""),
        ("braces } }} { {a} $", "braces } }} { {a} $"),
        ("{", "{"),
        ("{{ trigger.payload.count }}", 3),
        ("{{trigger.payload.items}}", ["a", "b"]),
        ("{{ variables.none }}", None),
        (" {{ trigger.payload.count }}", " 3"),
        ("{{ trigger.payload.title }}: {{ trigger.payload.count + 0.5 }}", "Down: 3.5"),
        ("<{{ variables.none }}>", "<>"),
        ("{{ 1 == 1 }} {{ false }}", "true false"),
        ("see {{ trigger.payload.items }}", 'see ["a","b"]'),
        ("see {{ artifacts.open }}", 'see {"incident":{"incidentId":"inc_9"}}'),
        ("{{ '{{' }} and {{ '}}' }}", "{{ and }}"),
        ("{{ '<b>' }}&", "<b>&"),
        ("a\r\nb {{ 1 }}\n", "a\nb 1\n"),
        ('{"a": {"b": "{{ variables.id }}"}}', '{"a": {"b": "inc_1"}}'),
        ("{{ -5 }}", -5),
    ],
)
def test_a_template_gives_a_value_or_a_text(source: str, value: Any) -> None:
    given = compile_template(source).value(make_scope(), now=NOW)
    assert (given, type(given)) == (value, type(value))


def test_the_text_of_a_single_span_is_text() -> None:
    assert compile_template("{{ trigger.payload.items }}").text(make_scope(), now=NOW) == '["a","b"]'


@pytest.mark.parametrize(
    ("source", "line", "column"),
    [
        ("a {{ b", 1, 3),
        ("a {{ }}", 1, 6),
        ("a\n{{ b.c( }}", 2, 9),
        ("a\n{{ b }} {{ c() }}", 2, 13),
        ("{% if a %}", 1, 1),
        ("a {# b #}", 1, 3),
        ("a {{- b }}", 1, 3),
        ("a {{+ b }}", 1, 3),
        ("a {{ b -}}", 1, 8),
        ("a {{ b c }}", 1, 8),
    ],
)
def test_a_syntax_error_in_a_template_has_its_place(source: str, line: int, column: int) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_template(source)
    assert (caught.value.line, caught.value.column) == (line, column)


def test_an_undefined_value_in_a_template_is_an_error_with_its_place() -> None:
    with pytest.raises(UndefinedValueError, match=r"trigger\.payload\.gone") as caught:
        compile_template("Hello\n{{ trigger.payload.gone.further }}").value(make_scope(), now=NOW)
    assert (caught.value.line, caught.value.column) == (2, 4)


def test_a_value_that_json_lacks_has_no_text() -> None:
    with pytest.raises(EvaluationError):
        compile_template("a {{ b }}").value({"b": {1, 2}}, now=NOW)


@pytest.mark.parametrize("source", ["a" * 32_769, "{{ a }}" * 101], ids=["text", "spans"])
def test_a_template_beyond_its_bounds_is_refused(source: str) -> None:
    with pytest.raises(ExpressionError):
        compile_template(source)


def test_a_span_may_be_as_long_as_an_expression() -> None:
    source = "'" + "a" * 4000 + "'"
    text = compile_template(f"{{{{{source}}}}} {{{{ {source} }}}}").text({}, now=NOW)
    assert len(text) == 8001
    assert compile_expression(source).value({}, now=NOW) == "a" * 4000


def test_a_template_is_compiled_once() -> None:
    assert compile_template("a {{ b }}") is compile_template("a {{ b }}")
