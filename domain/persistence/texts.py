"""Errors of texts that a database cannot store."""

import asyncpg
from sqlalchemy.exc import DBAPIError

from domain.persistence.availability import state_of

#: PostgreSQL refuses a NUL character outright, where SQLite just finds nothing.
_NOT_TEXT = "22021"


def is_no_text(error: Exception) -> bool:
    """Return whether a text was given that cannot be stored: with a NUL character, or half of a surrogate pair."""
    # SQLite's driver raises the codec's error as it is, PostgreSQL's wraps it.
    if isinstance(error, DBAPIError | asyncpg.PostgresError | asyncpg.InterfaceError):
        return state_of(error) == _NOT_TEXT or isinstance(_first(error), UnicodeEncodeError)
    return isinstance(error, UnicodeEncodeError)


def _first(error: BaseException) -> BaseException:
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return error
