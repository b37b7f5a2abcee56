"""The marks of tests whose sentence has nothing to do with the database."""

import pytest

#: Runs a test on SQLite alone: the same statements run on both databases in other tests.
on_one_database = pytest.mark.parametrize("dialect", ["sqlite"])
#: The same for tests that share a domain.
in_one_shared_database = pytest.mark.parametrize("shared", ["sqlite"], indirect=True, scope="module")
