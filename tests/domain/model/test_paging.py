"""Sizes, orders and cuts of pages."""

import pytest

from domain.errors import InvalidInputError
from domain.model.paging import Order, PageRequest, page_size

SIZES = {
    "neither": (None, None, (25, False)),
    "first": (10, None, (10, False)),
    "last": (None, 7, (7, True)),
    "the smallest": (1, None, (1, False)),
    "the largest": (None, 100, (100, True)),
}


@pytest.mark.parametrize(("first", "last", "expected"), SIZES.values(), ids=SIZES.keys())
def test_the_size_is_counted_from_the_front_or_the_back(
    first: int | None, last: int | None, expected: tuple[int, bool]
) -> None:
    assert page_size(first=first, last=last) == expected


@pytest.mark.parametrize(
    ("first", "last", "field"), [(0, None, "first"), (101, None, "first"), (-1, None, "first"), (None, 0, "last")]
)
def test_a_size_outside_1_to_100_is_refused_by_its_name(first: int | None, last: int | None, field: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        page_size(first=first, last=last)
    assert caught.value.field == [field]


def test_first_and_last_together_are_refused() -> None:
    with pytest.raises(InvalidInputError):
        page_size(first=1, last=1)


def test_an_order_has_one_name_per_field_and_direction() -> None:
    names = {Order(field=field, descending=down).name for field in ("number", "severity") for down in (True, False)}
    assert names == {"number:desc", "number:asc", "severity:desc", "severity:asc"}


CUTS = {
    "forward, all there is": (PageRequest(size=3), "abc", ("abc", False, False)),
    "forward, more": (PageRequest(size=2), "abc", ("ab", True, False)),
    "forward, from the middle": (PageRequest(size=2, after=(1,)), "abc", ("ab", True, True)),
    "backward, all there is": (PageRequest(size=3, backward=True), "cba", ("abc", False, False)),
    "backward, more": (PageRequest(size=2, backward=True), "cba", ("bc", False, True)),
    "backward, from the middle": (PageRequest(size=2, backward=True, before=(1,)), "cba", ("bc", True, True)),
    "nothing": (PageRequest(size=2), "", ("", False, False)),
}


@pytest.mark.parametrize(("page", "read", "expected"), CUTS.values(), ids=CUTS.keys())
def test_a_cut_page_has_the_lists_order_and_flags_for_both_sides(
    page: PageRequest, read: str, expected: tuple[str, bool, bool]
) -> None:
    cut = page.cut(read)
    assert ("".join(cut.items), cut.has_next, cut.has_previous) == expected
