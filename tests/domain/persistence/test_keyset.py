"""Pages by keyset: of one list from either end, and of the lists of many parents."""

import pytest

from domain.bootstrap import Domain
from domain.model.paging import PageRequest
from domain.persistence.keyset import pages_of
from tests.inside import inside

FOUND = [("b", 11), ("a", 2), ("a", 3), ("a", 1)]


@pytest.mark.parametrize(
    ("descending", "backward", "items", "more"),
    [
        pytest.param(False, False, [1, 2], "next", id="the first, upward"),
        pytest.param(False, True, [2, 3], "previous", id="the last, upward"),
        pytest.param(True, False, [3, 2], "next", id="the first, downward"),
        pytest.param(True, True, [2, 1], "previous", id="the last, downward"),
    ],
)
def test_each_parent_has_its_own_page_in_the_order_of_the_list(
    descending: bool, backward: bool, items: list[int], more: str
) -> None:
    page = PageRequest(size=2, backward=backward)
    pages = pages_of(FOUND, ["a", "b", "c"], page, order=lambda item: item, descending=descending)

    assert {parent: list(page.items) for parent, page in pages.items()} == {"a": items, "b": [11], "c": []}
    assert (pages["a"].has_next, pages["a"].has_previous) == (more == "next", more == "previous")
    assert (pages["b"].has_next, pages["b"].has_previous) == (False, False)


async def test_a_parent_without_children_has_none_counted_and_an_empty_page(domain: Domain) -> None:
    database = inside(domain).database
    counts = await database.read(lambda session: session.changes.counts_of_runs(["run_1"], kind="incident"))
    pages = await database.read(
        lambda session: session.changes.pages_of_runs(["run_1"], PageRequest(), kind="incident")
    )
    assert counts == {"run_1": 0}
    assert list(pages["run_1"].items) == []
