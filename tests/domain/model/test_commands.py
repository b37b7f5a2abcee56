"""The difference between a field that was not mentioned and one to be cleared."""

from domain.model.commands import KEEP, given


def test_what_was_not_mentioned_stays() -> None:
    assert given(KEEP, "before") == "before"


def test_none_is_a_value_that_was_given() -> None:
    assert given(None, "before") is None
