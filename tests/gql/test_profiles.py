"""Which server and token a command calls."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from domain.errors import StartupError
from gql.cli.profiles import Target, target_of

_HOME = "http://127.0.0.1:8000/graphql"
_PROFILES = """
[default]
server = "https://incidents.example.com"
token = "of-default"

[staging]
server = "https://example.com/staging/graphql"
token = "of-staging"

[open]
server = "https://status.example.com/"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "incidentql" / "profiles.toml"
    file.parent.mkdir()
    file.write_text(_PROFILES)
    file.chmod(0o600)
    return file


def found(environment: Mapping[str, str], **options: str) -> tuple[str, str | None]:
    given: dict[str, str | None] = {"server": None, "token": None, "profile": None, **options}
    target = target_of(**given, environment=environment)
    return target.url, target.token


def test_without_any_word_the_server_is_this_machines() -> None:
    assert found({"HOME": "/nonexistent"}) == (_HOME, None)


def test_options_win_over_the_environment_and_that_over_profiles(file: Path) -> None:
    home = {"XDG_CONFIG_HOME": str(file.parents[1])}
    shell = home | {"INCIDENTQL_SERVER": "https://a.example.com", "INCIDENTQL_TOKEN": "of-shell"}
    assert found(home) == ("https://incidents.example.com/graphql", "of-default")
    assert found(home | {"INCIDENTQL_PROFILE": "staging"}) == ("https://example.com/staging/graphql", "of-staging")
    assert found(home, profile="open") == ("https://status.example.com/graphql", None)
    assert found({"INCIDENTQL_PROFILES": str(file)}, profile="staging")[1] == "of-staging"
    assert found(shell) == ("https://a.example.com/graphql", "of-shell")
    assert found(shell, server="http://b.example.com", token="given") == ("http://b.example.com/graphql", "given")


def test_a_profiles_token_is_never_sent_to_another_server(file: Path) -> None:
    home = {"XDG_CONFIG_HOME": str(file.parents[1])}
    assert found(home, server="https://elsewhere.example.com") == ("https://elsewhere.example.com/graphql", None)
    assert found(home, server="https://incidents.example.com/")[1] == "of-default"


def test_a_token_is_not_shown() -> None:
    assert "secret" not in repr(Target(url=_HOME, token="secret"))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_file_with_tokens_that_others_can_open_is_refused(file: Path, mode: int) -> None:
    file.chmod(mode)
    with pytest.raises(StartupError, match=r"open to other users: run chmod 600 .*profiles\.toml$"):
        found({"INCIDENTQL_PROFILES": str(file)})
    file.write_text('[default]\nserver = "https://status.example.com"\n')
    assert found({"INCIDENTQL_PROFILES": str(file)}) == ("https://status.example.com/graphql", None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[default", "cannot be read"),
        ("server = 'https://a.example.com'", "server has to be a table of texts"),
        ("[default]\nserver = 1", "default has to be a table of texts"),
        ("[default]\nadress = 'x'", r"adress in \[default\] is unknown; there are server and token"),
    ],
)
def test_a_file_with_a_mistake_is_refused_with_its_place(file: Path, text: str, said: str) -> None:
    file.write_text(text)
    with pytest.raises(StartupError, match=said):
        found({"INCIDENTQL_PROFILES": str(file)})


def test_a_profile_that_there_is_not_is_refused(file: Path) -> None:
    with pytest.raises(StartupError, match="There is no profile 'live'"):
        found({"INCIDENTQL_PROFILES": str(file)}, profile="live")
    with pytest.raises(StartupError, match="does not exist"):
        found({"HOME": "/nonexistent"}, profile="live")


@pytest.mark.parametrize("server", ["incidents.example.com", "ftp://example.com", "https://"])
def test_what_is_no_address_of_a_server_is_refused(server: str) -> None:
    with pytest.raises(StartupError, match="begin with http:// or https://"):
        found({"HOME": "/nonexistent"}, server=server)
