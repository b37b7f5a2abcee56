"""The operator's settings."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import StartupError
from domain.settings import Settings
from tests.examples import examples


def test_the_default_settings_are_a_local_file_and_the_local_host() -> None:
    settings = Settings.from_environment({})
    assert (settings.host, settings.database_url) == ("127.0.0.1", "sqlite:///incidentql.db")
    assert settings.admin_token is None


def test_every_kind_of_value_is_read_from_the_environment() -> None:
    settings = Settings.from_environment(
        {"INCIDENTQL_PORT": "9000", "INCIDENTQL_POLL_SECONDS": "0.5", "INCIDENTQL_ADMIN_TOKEN": "x" * 20, "PORT": "1"}
    )
    assert (settings.port, settings.poll_seconds, settings.admin_token) == (9000, 0.5, "x" * 20)


def test_an_override_wins_over_the_environment_unless_none() -> None:
    settings = Settings.from_environment({"INCIDENTQL_PORT": "9000", "INCIDENTQL_HOST": "::"}, port=7000, host=None)
    assert (settings.port, settings.host) == (7000, "::")


@examples(100)
@given(st.dictionaries(st.sampled_from([setting.name for setting in fields(Settings)]), st.text(" \t\n", max_size=2)))
def test_empty_settings_have_their_defaults(nothing: Mapping[str, str]) -> None:
    environment = {f"INCIDENTQL_{name.upper()}": text for name, text in nothing.items()}
    assert Settings.from_environment(environment) == Settings()


@pytest.mark.parametrize("setting", fields(Settings), ids=lambda setting: str(setting.name))
def test_an_empty_variable_leaves_the_default_of_its_setting(setting: Any) -> None:
    assert Settings.from_environment({f"INCIDENTQL_{setting.name.upper()}": ""}) == Settings()
    assert Settings.from_environment({}, **{setting.name: ""}) == Settings()


def test_an_empty_option_does_not_override_the_environment() -> None:
    assert Settings.from_environment({"INCIDENTQL_HOST": "::1"}, host="").host == "::1"


@pytest.mark.parametrize(("name", "text"), [("PORT", "http"), ("POLL_SECONDS", "soon"), ("RING_SIZE", "1.5")])
def test_a_value_of_the_wrong_kind_is_named_in_one_line(name: str, text: str) -> None:
    with pytest.raises(StartupError, match=f"^INCIDENTQL_{name} cannot be .*$"):
        Settings.from_environment({f"INCIDENTQL_{name}": text})


@pytest.mark.parametrize(
    "values",
    [
        {"port": -1},
        {"port": 65536},
        {"sqlite_synchronous": "OFF"},
        {"poll_seconds": 0.0},
        {"poll_seconds": float("nan")},
        {"poll_seconds": float("inf")},
        {"ring_size": 0},
        {"event_retention_days": -1},
        {"run_retention_days": -1},
        {"delivery_retention_days": -1},
    ],
    ids=str,
)
def test_a_value_out_of_range_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(StartupError):
        Settings(**values)


def test_a_port_variable_of_kubernetes_is_ignored() -> None:
    environment = {"INCIDENTQL_PORT": "tcp://10.96.12.3:8000", "INCIDENTQL_SERVICE_HOST": "10.96.12.3"}
    assert Settings.from_environment(environment).port == 8000
    assert Settings.from_environment(environment, port=9000).port == 9000


def test_a_log_level_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(StartupError, match="DEBUG, INFO, WARNING, ERROR or CRITICAL"):
        Settings(log_level="loud")
    assert Settings(log_level="debug").log_level == "debug"


@pytest.mark.parametrize(
    "url",
    ["example.com", "ftp://a", "https://", "https://a?b", "https://a#b", "https://u:p@a", "http://[a", "http://a b"],
)
def test_a_public_address_that_no_link_can_begin_with_is_refused(url: str) -> None:
    with pytest.raises(StartupError, match="INCIDENTQL_PUBLIC_URL"):
        Settings.from_environment({"INCIDENTQL_PUBLIC_URL": url})
