"""Failures that callers can understand."""

import pytest

from domain.errors import (
    CursorExpiredError,
    DomainError,
    InvalidCursorError,
    InvalidInputError,
    NotFoundError,
    UnknownSystemError,
    VersionConflictError,
)


def _all() -> list[type[DomainError]]:
    return [DomainError, *DomainError.__subclasses__()]


def test_codes_are_upper_case_words() -> None:
    assert [error.code for error in _all() if not error.code.replace("_", "").isupper()] == []


def test_only_invalid_values_share_a_code() -> None:
    codes = [error.code for error in _all() if error.code != "BAD_USER_INPUT"]
    assert len(codes) == len(set(codes))


def test_an_error_has_a_message_and_a_field() -> None:
    error = InvalidInputError("No.", field=["title"])
    assert (str(error), error.message, error.field, error.log_head) == ("No.", "No.", ["title"], None)
    assert InvalidInputError("No.").field is None


def test_a_version_conflict_carries_the_current_object() -> None:
    error = VersionConflictError("The incident", expected=3, current="now", version=5)
    assert (error.code, error.current, error.field) == ("VERSION_CONFLICT", "now", ["expectedVersion"])
    assert "version 5, not 3" in error.message


@pytest.mark.parametrize("error", [InvalidCursorError(), CursorExpiredError()], ids=["invalid", "expired"])
def test_an_invalid_cursor_is_reported_for_the_field_after(error: DomainError) -> None:
    assert error.field == ["after"]


def test_an_error_shortens_a_long_id() -> None:
    assert len(NotFoundError("Incident", "x" * 10_000).message) < 150
    assert len(UnknownSystemError("x" * 10_000, field=["systemIds", "0"]).message) < 150
