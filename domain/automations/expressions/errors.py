"""Errors of expressions, with their place in the text."""

from collections.abc import Sequence

from domain.errors import DomainError


class ExpressionError(DomainError):
    """An expression that cannot be accepted; `line` and `column` count from 1."""

    def __init__(self, message: str, line: int = 1, column: int = 1, *, field: Sequence[str] | None = None) -> None:
        super().__init__(message, field=field)
        self.line = line
        self.column = column


class EvaluationError(ExpressionError):
    """An accepted expression that has no value in its scope."""


class UndefinedValueError(EvaluationError):
    """An expression whose value depends on something missing; `path` names it."""

    def __init__(self, path: str, line: int = 1, column: int = 1, *, field: Sequence[str] | None = None) -> None:
        super().__init__(f"{path} is not defined.", line, column, field=field)
        self.path = path


def place(text: str, offset: int) -> tuple[int, int]:
    """Return line and column, from 1, of the character at that offset."""
    before = text[: max(offset, 0)]
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
