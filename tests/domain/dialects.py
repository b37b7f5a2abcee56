"""The marks of tests that need one database only: their sentence has nothing to do with it, and others send the same.

Tests of locks, of what happens at once, of orders and of unique values run on both, and so does each statement.
"""

import pytest

#: Runs a test on SQLite alone: the same statements run on both databases in other tests.
on_one_database = pytest.mark.parametrize("dialect", ["sqlite"])
#: The same for tests that share a domain.
in_one_shared_database = pytest.mark.parametrize("shared", ["sqlite"], indirect=True, scope="module")
