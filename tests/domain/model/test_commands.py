"""The difference between a field that was not mentioned and one to be cleared."""

from domain.model.commands import KEEP, given


def test_keep_leaves_the_value_as_it_is() -> None:
    assert given(KEEP, "before") == "before"


def test_none_is_a_value_that_was_given() -> None:
    assert given(None, "before") is None
