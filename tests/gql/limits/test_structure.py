"""The shape of a document: accepted up to each bound, and refused beyond."""

from dataclasses import replace
from typing import Any

import pytest
from graphql import parse

from domain.settings import Settings
from gql.limits.bounds import Bounds
from gql.limits.structure import misshapen

WIDE = replace(Bounds.of(Settings()), cost=10**9, depth=10**6, aliases=10**6, directives=10**6)


def refusal(document: str, **bounds: Any) -> str | None:
    """Return the code and the message of a document's refusal."""
    error = misshapen(parse(document, no_location=True), replace(WIDE, **bounds))
    return None if error is None else f"{(error.extensions or {})['code']}: {error.message}"


def assert_bound(document: str, name: str, size: int, code: str) -> None:
    assert refusal(document, **{name: size}) is None
    assert (refusal(document, **{name: size - 1}) or "").startswith(f"{code}: ")
    assert f" {size - 1} " in (refusal(document, **{name: size - 1}) or "")


@pytest.mark.parametrize(
    ("document", "depth"),
    [
        ("{ a { b { c } } d }", 3),
        ("{ d a { ... { b { c } } } }", 3),
        ("{ d a { ...F } e } fragment F on T { b { c } }", 3),
        ("{ a } query Other { a { b } }", 2),
        ("fragment F on T { b { c } } { a { ...F } }", 3),
        ("{ a { __typename } __schema { types { fields { type { name } } } } }", 2),
        ("{ __type { ...F } } fragment F on __Type { ofType { ofType { ofType { name } } } }", 1),
    ],
)
def test_a_document_may_nest_as_deep_as_the_bound(document: str, depth: int) -> None:
    assert_bound(document, "depth", depth, "DEPTH_LIMIT")


@pytest.mark.parametrize(
    ("document", "aliases"),
    [
        ("{ a: x b: y c }", 2),
        ("{ a: x { b: y } }", 2),
        ("{ ...F g { ...F } } fragment F on T { a: x b: y }", 4),
        ("query One { a: x } query Two { a: x b: y }", 2),
    ],
)
def test_an_operation_may_have_as_many_aliases_as_the_bound(document: str, aliases: int) -> None:
    assert_bound(document, "aliases", aliases, "ALIAS_LIMIT")


@pytest.mark.parametrize(
    ("document", "directives"),
    [
        ("{ a @d b @d @d }", 3),
        ("query @d { a }", 1),
        ("query ($v: Int @d @d) { a }", 2),
        ("{ a ... @d { b @d } }", 2),
        ("{ ...F @d ...F } fragment F on T @d { a @d }", 5),
        ("query One { a @d } query Two { a @d b @d }", 2),
    ],
)
def test_an_operation_may_have_as_many_directives_as_the_bound(document: str, directives: int) -> None:
    assert_bound(document, "directives", directives, "DIRECTIVE_LIMIT")


def test_fragments_may_nest_50_levels() -> None:
    def chain(length: int) -> str:
        links = [f"fragment F{number} on T {{ o {{ ...F{number + 1} }} }}" for number in range(length - 1)]
        return " ".join(["{ ...F0 }", *links, f"fragment F{length - 1} on T {{ a }}"])

    assert refusal(chain(50)) is None
    assert refusal(chain(51)) == "DEPTH_LIMIT: Fragments may lie 50 deep in one another at most."


@pytest.mark.parametrize(
    "document",
    [
        "{ a(b: VALUE) }",
        "{ a(c: 1, b: VALUE, d: [2]) }",
        "{ a @d(b: VALUE) }",
        "{ ... @d(b: VALUE) { a } }",
        "{ ...F @d(b: VALUE) } fragment F on T { a }",
        "{ ...F } fragment F on T { c { a(b: VALUE) } }",
        "query ($v: Int = VALUE) { a }",
    ],
)
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ("{ a: 1, b: ", ", c: 2 }")], ids=["lists", "objects"])
def test_lists_and_objects_may_nest_32_levels(document: str, opening: str, closing: str) -> None:
    def nested(depth: int) -> str:
        return document.replace("VALUE", opening * depth + "1" + closing * depth)

    assert refusal(nested(32)) is None
    assert refusal(nested(33)) == "DEPTH_LIMIT: Lists and objects may lie 32 deep in one another at most."


def test_a_document_may_have_5000_fields_with_all_fragments_expanded() -> None:
    def spread(plain: int) -> str:
        # 99 objects of 49 fields, and the 49 of the fragment itself.
        objects = " ".join(f"o{number}: o {{ ...F }}" for number in range(99))
        fields = " ".join(f"f{number}" for number in range(49))
        return f"{{ {objects} {' '.join(f'p{number}' for number in range(plain))} }} fragment F on T {{ {fields} }}"

    assert refusal(spread(1)) is None
    assert refusal(spread(2)) == "COST_LIMIT: With its fragments spread out, a document may have 5000 fields."


OVER_AND_OVER = "COST_LIMIT: The document asks for the same fields over and over."


def repeated(counts: dict[str, int]) -> str:
    return "{ " + " ".join(f"{field} " * count for field, count in counts.items()) + "}"


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        # Pairs: 2926 + 66 + 6 + 1 + 1, and one more.
        pytest.param(repeated({"a": 77, "b": 12, "c": 4, "d": 2, "e": 2}), None, id="3000"),
        pytest.param(repeated({"a": 77, "b": 12, "c": 4, "d": 2, "e": 2, "f": 2}), OVER_AND_OVER, id="3001"),
        pytest.param(repeated({"x: a": 78}), OVER_AND_OVER, id="under an alias"),
        pytest.param(repeated({f"x{number}: a": 1 for number in range(100)}), None, id="under different aliases"),
        # Each pair of objects is one, and so is each pair of their fields.
        pytest.param(repeated({"a { b }": 55}), None, id="inside of objects"),
        pytest.param(repeated({"a { b }": 56}), OVER_AND_OVER, id="inside of more objects"),
        pytest.param(repeated({"... { a }": 78}), OVER_AND_OVER, id="in inline fragments"),
        pytest.param(repeated({"... { a }": 77}), None, id="in fewer inline fragments"),
        pytest.param("{ c } " + "query Two " + repeated({"a": 78}), OVER_AND_OVER, id="in the second operation"),
        pytest.param("{ c } fragment F on T " + repeated({"a": 78}), OVER_AND_OVER, id="in a fragment"),
        pytest.param("{ ...F } fragment F on T " + repeated({"a": 55}), None, id="in a fragment counted twice"),
        pytest.param("{ ...F } fragment F on T " + repeated({"a": 56}), OVER_AND_OVER, id="in a fragment, once more"),
        pytest.param("{ ...F ...F ...F a } fragment F on T { a }", None, id="one fragment three times"),
    ],
)
def test_a_document_may_repeat_itself_in_3000_pairs(document: str, expected: str | None) -> None:
    assert refusal(document) == expected


@pytest.mark.parametrize(("count", "expected"), [(77, None), (78, OVER_AND_OVER)])
def test_pairs_of_fragments_at_one_place_count_as_well(count: int, expected: str | None) -> None:
    fragments = [f"fragment F{number} on T {{ f{number} }}" for number in range(count)]
    document = "{ " + " ".join(f"...F{number}" for number in range(count)) + " }"
    assert refusal(" ".join([document, *fragments])) == expected


@pytest.mark.parametrize("document", ["{ ...F } fragment F on T { ...F }", "{ ...Unknown }"])
def test_cycles_and_unknown_fragments_are_left_to_validation(document: str) -> None:
    repeats: Any = " a" * 100
    assert refusal(document.replace("{ ...F }", "{ ...F" + repeats + " }", 1)) is None
