"""All examinations of an installation: at the same time, each for a few seconds, and without a secret."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from urllib.parse import unquote, urlsplit

from domain.errors import StartupError
from domain.operating.examining.configuration import examine_limits, examine_settings, unknown_variables
from domain.operating.examining.network import (
    examine_broadcaster,
    examine_certificates,
    examine_issuer,
    examine_mail,
)
from domain.operating.examining.postgres import examine_postgres
from domain.operating.examining.replicas import examine_replicas
from domain.operating.examining.results import Examination, Result, problem
from domain.operating.examining.secrets import examine_secrets
from domain.operating.examining.sqlite import examine_sqlite
from domain.settings import Settings

SECONDS = 5.0
_HIDDEN = "****"
_EXAMINATIONS: Mapping[str, Examination] = {
    "settings": examine_settings,
    "open files": examine_limits,
    "SQLite": examine_sqlite,
    "PostgreSQL": examine_postgres,
    "replicas": examine_replicas,
    "secret key": examine_secrets,
    "broadcaster": examine_broadcaster,
    "OIDC issuer": examine_issuer,
    "mail server": examine_mail,
    "certificates": examine_certificates,
}


async def examine(
    overrides: Mapping[str, str | None], environment: Mapping[str, str] = os.environ, *, seconds: float = SECONDS
) -> AsyncIterator[Result]:
    """Yield the results of all examinations under the settings of an environment."""
    for result in unknown_variables(environment):
        yield result
    try:
        settings = Settings.from_environment(environment, **overrides)
    except StartupError as error:
        yield problem("settings", error.message, "A server would not start: see docs/settings.md.")
        return
    hidden = secrets_in(settings)
    waiting = [_in_time(name, examination, settings, seconds) for name, examination in _EXAMINATIONS.items()]
    for results in await asyncio.gather(*waiting):
        for result in results:
            yield replace(result, found=without(result.found, hidden))


async def _in_time(name: str, examination: Examination, settings: Settings, seconds: float) -> Sequence[Result]:
    try:
        async with asyncio.timeout(seconds):
            return await examination(settings)
    except TimeoutError:
        return [problem(name, f"no answer within {seconds:g} s.", "Check the network and the other server.")]
    except Exception as error:  # noqa: BLE001 - one that fails in an unforeseen manner must not hide the others
        return [problem(name, f"could not be examined: {type(error).__name__}: {error}", "Please report this.")]


def secrets_in(settings: Settings) -> Sequence[str]:
    """Return all that must not be shown of some settings, the longest first."""
    bases = (settings.database_url, settings.direct_database_url, settings.read_url)
    urls = (*bases, settings.broadcast_url, settings.mail_url)
    parts = [urlsplit(url) for url in urls if url]
    passwords = [part.password for part in parts if part.password]
    passwords += [word.partition("=")[2] for part in parts for word in part.query.split("&") if "password" in word]
    keys = [*(settings.secret_key or "").split(","), settings.admin_token, settings.oidc_client_secret]
    found = {text for word in (*passwords, *keys) if word for text in (word.strip(), unquote(word).strip())}
    return sorted(filter(None, found), key=len, reverse=True)


def without(text: str, hidden: Sequence[str]) -> str:
    """Return a text with all of these hidden."""
    for secret in hidden:
        text = text.replace(secret, _HIDDEN)
    return text
