"""The mark of tests that run on both databases, because their statements matter."""

import pytest

#: Runs a test of the GraphQL surface on PostgreSQL as well; without it they run on SQLite alone.
on_both_databases = pytest.mark.parametrize(
    "dialect", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)
