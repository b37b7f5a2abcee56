"""Widgets of each test, in the domain that a module shares."""

import pytest

from domain.bootstrap import Domain
from tests.domain.entities.widgets import Widgets


@pytest.fixture
def widgets(shared: Domain) -> Widgets:
    """Return widgets of this test alone."""
    return Widgets(shared)
