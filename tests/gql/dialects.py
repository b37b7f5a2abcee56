"""For tests whose statements, and not only their translation, are at stake."""

import pytest

#: Runs a test of the GraphQL surface on PostgreSQL as well; without it they run on SQLite alone.
on_both_databases = pytest.mark.parametrize(
    "dialect", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)
