"""The settings of tests that compare answers: without a rate limit, of which each answer would say something else."""

from dataclasses import replace

import pytest

from domain.settings import Settings


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The usual settings, without a rate limit."""
    return replace(settings, rate_limit=0)
