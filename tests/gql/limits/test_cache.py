"""The cache of documents: hits, evictions and its bound."""

import pytest
from graphql import DocumentNode, GraphQLError, parse

from domain.settings import Settings
from gql.limits.bounds import Bounds
from gql.limits.cache import DocumentCache
from gql.schema import schema

MOST = 512
BOUNDS = Bounds.of(Settings())


def numbered(number: int, *, characters: int = 0) -> str:
    """Return a distinct document with a comment of that length."""
    return f"{{ field{number} }} #{'-' * characters}"


def read(cache: DocumentCache, *numbers: int, characters: int = 0) -> list[DocumentNode]:
    return [cache.parsed(numbered(number, characters=characters), BOUNDS) for number in numbers]


def test_a_cached_document_is_not_parsed_again() -> None:
    cache = DocumentCache()
    assert read(cache, 1)[0] is read(cache, 1)[0]


def test_a_document_is_parsed_again_under_other_bounds() -> None:
    cache = DocumentCache()
    text = numbered(1)
    with pytest.raises(GraphQLError):
        cache.parsed(text, Bounds.of(Settings(max_tokens=2)))
    assert cache.parsed(text, BOUNDS) is not cache.parsed(text, Bounds.of(Settings(max_depth=3)))


def test_the_least_recently_used_document_is_evicted() -> None:
    cache = DocumentCache()
    first, second = read(cache, 0, 1)
    read(cache, *range(2, MOST))
    assert read(cache, 0)[0] is first
    read(cache, MOST)
    assert read(cache, 0)[0] is first
    assert read(cache, 1)[0] is not second


def test_a_document_that_is_found_again_is_evicted_later() -> None:
    cache = DocumentCache()
    first, *_ = read(cache, *range(MOST))
    kept = cache.find(numbered(0), BOUNDS)
    assert kept is not None
    assert kept.document is first
    read(cache, MOST)
    assert cache.find(numbered(0), BOUNDS) is kept
    assert cache.find(numbered(1), BOUNDS) is None


def test_nothing_is_made_of_a_document_before_somebody_runs_it() -> None:
    cache = DocumentCache()
    read(cache, 0)
    kept = cache.find(numbered(0), BOUNDS)
    assert kept is not None
    assert kept.made is None


def test_fewer_long_documents_are_cached() -> None:
    cache = DocumentCache()
    first, *_ = read(cache, *range(10), characters=19_900)
    assert read(cache, 0, characters=19_900)[0] is first
    read(cache, *range(1, 11), characters=19_900)
    assert read(cache, 0, characters=19_900)[0] is not first


def test_the_cache_holds_200000_characters_and_not_one_more() -> None:
    texts = [numbered(number).ljust(20_000, "-") for number in range(9)]
    for last, more, kept in ((20_000, [], True), (19_998, ["{a}"], False)):
        cache = DocumentCache()
        first = cache.parsed(texts[0], BOUNDS)
        for text in [*texts[1:], numbered(9).ljust(last, "-"), *more]:
            cache.parsed(text, BOUNDS)
        assert (cache.parsed(texts[0], BOUNDS) is first) == kept


def test_evicted_documents_make_room_for_others() -> None:
    cache = DocumentCache()
    read(cache, *range(30), characters=19_900)
    latest = read(cache, *range(20, 30), characters=19_900)
    again = read(cache, *range(20, 30), characters=19_900)
    assert [id(document) for document in again] == [id(document) for document in latest]


def test_a_document_too_long_for_the_cache_evicts_no_other() -> None:
    cache = DocumentCache()
    short = read(cache, 0)[0]
    long = [read(cache, number, characters=150_000)[0] for number in (1, 2, 1)]
    assert long[0] is not long[2]
    assert read(cache, 0)[0] is short


async def test_a_document_is_validated_once() -> None:
    cache = DocumentCache()
    text = "{ nothing }"
    errors = [await cache.errors(schema._schema, text, cache.parsed(text, BOUNDS), BOUNDS) for _ in range(2)]
    assert errors[0]
    assert errors[0] is errors[1]


async def test_a_document_of_the_wrong_shape_is_refused_for_that_alone() -> None:
    flat = Bounds.of(Settings(max_depth=1))
    text = "{ nothing { inside } }"
    [error] = await DocumentCache().errors(schema._schema, text, parse(text), flat)
    assert error.extensions == {"code": "DEPTH_LIMIT"}
