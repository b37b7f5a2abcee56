"""Texts that were written to break the parser, the sandbox or the process: each is refused, at once."""

import sys
import time

import pytest

from domain.automations.expressions.errors import EvaluationError, ExpressionError
from domain.automations.expressions.language import compile_expression
from domain.automations.expressions.templates import compile_template
from tests.domain.automations.conditions.scopes import NOW

pytestmark = pytest.mark.timing

REFUSED = {
    "the class of a text": "''.__class__",
    "the class as an item": "{}['__class__']",
    "the class in brackets": "a['__class__']",
    "the class by escapes": r"a['\x5f\x5fclass\x5f\x5f']",
    "the class by joined texts": "a['__cl' 'ass__']",
    "the class by attr": "'' | attr('__class__')",
    "the class by map": "[1] | map(attribute='__class__')",
    "a private name": "_a",
    "a call": "a()",
    "a call of a method": "''.join('a')",
    "range": "range(1000000000) | list",
    "a cycler": "cycler('a')",
    "the template itself": "self",
    "null": "null",
    "a power": "10 ** 10 ** 10",
    "a floor division": "1 // 2",
    "joining": "'a' ~ 'b'",
    "a slice": "a[0:1000000000]",
    "several keys": "a[1, 2]",
    "a key that is a list": "a[[1]]",
    "a key that is a fraction": "a[1.5]",
    "a key that is a truth value": "a[true]",
    "an object": "{'a': 1}",
    "a list of names": "[a]",
    "a list of lists": "[[1]]",
    "if without else": "1 if a",
    "an unknown test": "a is odd",
    "a test with arguments": "a is defined(1)",
    "an unknown filter": "a | format(1)",
    "center": "'a' | center(1000000000)",
    "too few arguments": "a | older_than",
    "too many arguments": "a | upper(1)",
    "a named argument": "a | join(d='x')",
    "spread arguments": "a | join(*a)",
    "spread named arguments": "a | join(**a)",
    "a filter with a dot": "a | upper.lower",
    "a statement": "{% for x in y %}{% endfor %}",
    "a span": "{{ a }}",
    "the end of a span": "a }}",
    "a statement's end": "a %}",
    "a comment": "{# a #}",
    "an assignment": "a = 1",
    "two expressions": "a; b",
    "a tuple without brackets": "a, b",
    "a lambda": "lambda: 1",
    "a NUL": "a\0",
    "a NUL by escape": r"'\x00'",
    "half a character": "'\ud800'",
    "half a character by escape": r"'\ud800'",
    "an unknown escape": r"'\d'",
    "an octal escape": r"'\777'",
    "a named character": r"'\N{BULLET}'",
    "letters that fold to others": "ﬁ",
    "a name beyond ASCII": "größe",
    "digits beyond ASCII": "٣",
    "fractions beyond ASCII": "٣.٣",
    "a name of symbols": "℘",
    "a number of 4000 digits": "9" * 4000,
    "a number beyond 64 bits": "9223372036854775808",
    "infinity": "1e999",
    "nothing": "",
    "only spaces": " \n\t ",
    "33 brackets": "(" * 33 + "1" + ")" * 33,
    "4000 brackets": "[" * 4000,
    "2000 closed brackets": "(" * 2000 + "1" + ")" * 2000,
    "33 not": "not " * 33 + "a",
    "1000 not": "not " * 1000 + "a",
    "2000 minus": "- " * 2000 + "1",
    "4000 minus": "-" * 4000 + "1",
    "not and brackets together": "(not " * 600 + "a" + ")" * 600,
    "33 terms": "+".join(["a"] * 33),
    "2000 terms": "+".join(["a"] * 2000),
    "50,000 terms": "+".join(["a"] * 50_000),
    "1000 and": " and ".join(["a"] * 800),
    "1000 choices": "1 if a else " * 300 + "1",
    "2000 attributes": "a" + ".a" * 2000,
    "1000 items": "a" + "[0]" * 1000,
    "1000 filters": "a" + "|abs" * 1000,
    "4097 bytes": "a" * 4097,
    "4096 characters of more bytes": "'" + "é" * 4000 + "'",
    "a quote without end": "'" + "a" * 4000,
    "4000 backslashes": "'" + "\\" * 4000,
}


@pytest.mark.parametrize("source", REFUSED.values(), ids=REFUSED.keys())
def test_a_hostile_expression_is_refused_at_once(source: str) -> None:
    started = time.perf_counter()
    with pytest.raises(ExpressionError):
        compile_expression(source)
    assert time.perf_counter() - started < 0.5


IN_A_TEMPLATE = [
    name
    for name in REFUSED
    # A template may say these outside of a span; or they close one.
    if name not in {"a span", "the end of a span", "4096 characters of more bytes"}
]


@pytest.mark.parametrize("name", IN_A_TEMPLATE)
def test_a_hostile_span_is_refused_at_once(name: str) -> None:
    started = time.perf_counter()
    with pytest.raises(ExpressionError):
        compile_template("text {{ " + REFUSED[name] + " }} text")
    assert time.perf_counter() - started < 0.5


@pytest.mark.parametrize(
    "source",
    [
        "(" * 31 + "1" + ")" * 31,
        "not " * 31 + "a",
        "- " * 31 + "1",
        "+".join(["a"] * 32),
        "a" + ".a" * 31,
        "1 if a else " * 31 + "1",
        "a < (" * 31 + "a" + ")" * 31,
        "'" + "a" * 4000 + "'",
        "a in [" + ",".join(["1"] * 1900) + "]",
    ],
    ids=["brackets", "not", "minus", "terms", "attributes", "choices", "comparisons", "text", "constants"],
)
def test_an_expression_just_within_the_bounds_is_accepted(source: str) -> None:
    assert compile_expression(source).tree is not None


def test_a_deep_call_stack_gets_the_same_error() -> None:
    def called(depth: int) -> None:
        if depth:
            called(depth - 1)
        else:
            compile_expression("(" * 30 + "1 + 1" + ")" * 30)

    with pytest.raises(ExpressionError):
        called(sys.getrecursionlimit() - 300)


@pytest.mark.parametrize(
    "source",
    [
        "big | replace('a', big)",
        "big | replace('a', 'bb')",
        "items | join(big)",
        "big | json",
        "sharp | upper",
        "deep | json",
    ],
)
def test_no_filter_makes_more_than_64_kilobytes(source: str) -> None:
    deep: list[object] = []
    for _ in range(2000):
        deep = [deep]
    scope = {"big": "a" * 65_536, "sharp": "ß" * 40_000, "items": [1] * 10_000, "deep": deep}
    started = time.perf_counter()
    with pytest.raises(EvaluationError):
        compile_expression(source).value(scope, now=NOW)
    assert time.perf_counter() - started < 0.5


def test_a_template_of_many_small_texts_makes_no_more_than_64_kilobytes() -> None:
    with pytest.raises(EvaluationError):
        compile_template("{{ big }}" * 3).text({"big": "a" * 30_000}, now=NOW)
