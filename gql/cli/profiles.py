"""The server and the token of commands that call one: from options, the environment, or a file of profiles."""

import os
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from domain.errors import StartupError

_DEFAULT = "default"
_DEFAULT_SERVER = "http://127.0.0.1:8000"
_ENDPOINT = "/graphql"
_KEYS = {"server", "token"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A server, and the token to show it."""

    url: str
    token: str | None = field(repr=False)

    @property
    def name(self) -> str:
        """The server as its users know it."""
        return self.url.removesuffix(_ENDPOINT)


def target_of(
    *, server: str | None, token: str | None, profile: str | None, environment: Mapping[str, str] = os.environ
) -> Target:
    """Return the server and token that these options and the environment name; a profile fills in what is missing.

    Raises:
        StartupError: the file of profiles is readable by others, cannot be read, or has no such profile; or the
            server's address is none.
    """
    server, token = server or environment.get("INCIDENTQL_SERVER"), token or environment.get("INCIDENTQL_TOKEN")
    wanted = profile or environment.get("INCIDENTQL_PROFILE")
    found: Mapping[str, str] = {}
    if wanted or not (server and token):
        found = _profile(_file(environment), wanted)
    url = endpoint_of(server or found.get("server") or _DEFAULT_SERVER)
    if not token and url == endpoint_of(found.get("server") or _DEFAULT_SERVER):
        # A profile's token goes to its own server alone.
        token = found.get("token")
    return Target(url=url, token=token or None)


def endpoint_of(server: str) -> str:
    """Return the endpoint at a server's address, which may name the endpoint itself.

    Raises:
        StartupError: it is no address of a web server.
    """
    parts = urlsplit(server.strip())
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise StartupError(f"{server!r} is no server's address: begin with http:// or https://.")
    path = parts.path.rstrip("/").removesuffix(_ENDPOINT)
    return urlunsplit((parts.scheme, parts.netloc, path + _ENDPOINT, "", ""))


def _file(environment: Mapping[str, str]) -> Path:
    if given := environment.get("INCIDENTQL_PROFILES"):
        return Path(given)
    home = environment.get("XDG_CONFIG_HOME") or Path(environment.get("HOME", "~")).expanduser() / ".config"
    return Path(home) / "incidentql" / "profiles.toml"


def _profile(file: Path, wanted: str | None) -> Mapping[str, str]:
    try:
        with file.open("rb") as opened:
            # Of the opened file, which nobody can exchange any more.
            mode = os.fstat(opened.fileno()).st_mode
            profiles: dict[str, Any] = tomllib.load(opened)
    except FileNotFoundError:
        if wanted:
            raise StartupError(f"There is no profile {wanted!r}: {file} does not exist.") from None
        return {}
    except (OSError, ValueError) as error:
        raise StartupError(f"{file} cannot be read: {error}.") from error
    _check(file, mode, profiles)
    if wanted and wanted not in profiles:
        raise StartupError(f"There is no profile {wanted!r} in {file}.")
    found: Mapping[str, str] = profiles.get(wanted or _DEFAULT, {})
    return found


def _check(file: Path, mode: int, profiles: Mapping[str, Any]) -> None:
    for name, profile in profiles.items():
        if not isinstance(profile, dict) or not all(isinstance(value, str) for value in profile.values()):
            raise StartupError(f"{file}: {name} has to be a table of texts, [{name}].")
        if unknown := sorted(profile.keys() - _KEYS):
            raise StartupError(f"{file}: {unknown[0]} in [{name}] is unknown; there are server and token.")
    has_tokens = any("token" in profile for profile in profiles.values())
    if has_tokens and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise StartupError(f"{file} holds tokens and is open to other users: run chmod 600 {file}")
