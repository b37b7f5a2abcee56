"""The cache of descriptions of the schema: large answers alone, up to a bound in bytes."""

from gql.limits.describing import Descriptions
from gql.limits.introspection import RequestedField

MEGABYTE = b"-" * 1_000_000


def plan(number: int) -> tuple[RequestedField, ...]:
    """Return a distinct plan."""
    return (RequestedField(f"key{number}", "name", "__Type", None, ()),)


def test_an_answer_of_20000_bytes_is_cached_and_a_smaller_one_is_not() -> None:
    descriptions = Descriptions()
    descriptions.keep(plan(1), b"-" * 19_999)
    descriptions.keep(plan(2), b"-" * 20_000)
    assert descriptions.find(plan(1)) is None
    assert descriptions.find(plan(2)) == b"-" * 20_000
    assert len(descriptions) == 1


def test_the_least_recently_used_answer_is_evicted_beyond_eight_megabytes() -> None:
    descriptions = Descriptions()
    for number in range(8):
        descriptions.keep(plan(number), MEGABYTE)
    assert len(descriptions) == 8
    assert descriptions.find(plan(0)) == MEGABYTE
    descriptions.keep(plan(8), MEGABYTE)
    assert descriptions.find(plan(1)) is None
    assert descriptions.find(plan(0)) == MEGABYTE
    assert len(descriptions) == 8


def test_evicted_answers_make_room_for_others() -> None:
    descriptions = Descriptions()
    for number in range(30):
        descriptions.keep(plan(number), MEGABYTE)
    assert [number for number in range(30) if descriptions.find(plan(number))] == list(range(22, 30))


def test_an_answer_cached_twice_counts_once() -> None:
    descriptions = Descriptions()
    for number in range(8):
        descriptions.keep(plan(number), MEGABYTE)
        descriptions.keep(plan(number), MEGABYTE)
    assert len(descriptions) == 8
