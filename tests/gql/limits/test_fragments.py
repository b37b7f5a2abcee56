"""The order in which fragments are measured."""

import pytest
from graphql import parse

from gql.limits.fragments import fragments_of, innermost_first


def ordered(document: str) -> tuple[list[str], bool]:
    order, cyclic = innermost_first(fragments_of(parse(document)))
    return [fragment.name.value for fragment in order], cyclic


def test_each_fragment_comes_once_after_those_that_it_spreads() -> None:
    document = """
        { ...A }
        fragment A on T { x { ...B } ...C }
        fragment B on T { ... on T { ...D } }
        fragment C on T { ...D ...B }
        fragment D on T { y }
    """
    assert ordered(document) == (["D", "B", "C", "A"], False)


@pytest.mark.parametrize(
    "document",
    [
        "fragment A on T { ...A }",
        "fragment A on T { ...B } fragment B on T { x { ...A } }",
        "fragment C on T { x } fragment A on T { ...C ...B } fragment B on T { ...A }",
    ],
)
def test_a_cycle_is_reported_and_the_order_has_the_fragments_in_it(document: str) -> None:
    order, cyclic = ordered(document)
    assert cyclic
    assert sorted(order) == sorted(fragments_of(parse(document)))


def test_a_fragment_spread_twice_is_no_cycle_and_an_unknown_one_is_skipped() -> None:
    assert ordered("fragment A on T { ...B ...B ...Unknown } fragment B on T { x }") == (["B", "A"], False)


def test_a_long_chain_of_fragments_overflows_no_stack() -> None:
    links = [f"fragment F{number} on T {{ ...F{number + 1} }}" for number in range(3000)]
    order, cyclic = ordered(" ".join([*links, "fragment F3000 on T { x }"]))
    assert (order[0], order[-1], len(order), cyclic) == ("F3000", "F0", 3001, False)
