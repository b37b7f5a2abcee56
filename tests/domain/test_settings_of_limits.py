"""Limits that could never be met, which are refused at the start."""

from typing import Any

import pytest

from domain.errors import StartupError
from domain.settings import Settings


def test_limits_and_lists_are_read_from_the_environment() -> None:
    settings = Settings.from_environment(
        {
            "INCIDENTQL_CORS_ORIGINS": "https://a.example, https://b.example,",
            "INCIDENTQL_MAX_COST": "7",
            "INCIDENTQL_INTROSPECTION": "false",
            "INCIDENTQL_EXECUTION_SECONDS": "0.5",
        }
    )
    assert settings.cors_origins == ("https://a.example", "https://b.example")
    assert (settings.max_cost, settings.introspection, settings.execution_seconds) == (7, False, 0.5)
    assert Settings.from_environment({"INCIDENTQL_CORS_ORIGINS": ""}).cors_origins == ()


@pytest.mark.parametrize(
    "values",
    [
        {"max_cost": 0},
        {"max_depth": -1},
        {"max_body_bytes": 0},
        {"body_timeout_seconds": float("inf")},
        {"rate_limit": -1},
        {"batching_max": -1},
        {"execution_seconds": float("nan")},
        {"documents_only": True},
    ],
    ids=str,
)
def test_limits_out_of_range_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(StartupError):
        Settings(**values)
