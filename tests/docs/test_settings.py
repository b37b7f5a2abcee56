"""The page of settings and codes, compared with the code."""

import re
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from domain import errors
from domain.settings import Settings
from gql.types.error_codes import ErrorCode
from tests.docs.blocks import ROOT

PAGE = (ROOT / "docs" / "settings.md").read_text()
#: How the code says a code that is no DomainError's.
_SAID = re.compile(
    r'(?:limited|_error|_refused)\("([A-Z_]+)"|"code": "([A-Z_]+)"|code="([A-Z_]+)"'
    r'|Refusal\(\d+, "([A-Z_]+)"|, "([A-Z]+_LIMIT)"|_INVALID = "([A-Z_]+)"|else "([A-Z_]+_FAILED)"'
)
#: It stops a start, and reaches no client.
_NOT_CLIENTS = {"STARTUP"}


def rows(heading: str) -> Iterator[list[str]]:
    """Return the rows of the table under a heading, as stripped cells."""
    section = PAGE.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    for line in section.splitlines():
        if line.startswith("| `"):
            yield [cell.strip() for cell in line.strip("|").split(" | ")]


def documented_settings() -> dict[str, str]:
    """Return the documented defaults by the names of the settings."""
    found: dict[str, str] = {}
    for names, defaults, *_ in rows("Settings"):
        listed = re.findall(r"`([A-Z0-9_]+)`", names)
        values = defaults.split(", ") if len(defaults.split(", ")) == len(listed) else [defaults] * len(listed)
        assert not set(listed) & set(found)
        found |= dict(zip(listed, values, strict=True))
    return found


def shown(default: Any) -> str:
    """Return a default as the page writes it."""
    if default in (None, "", ()):
        return "none"
    text = str(default).lower() if isinstance(default, bool) else str(default)
    return f"`{text.removesuffix('.0')}`"


def codes() -> set[str]:
    """Return every code that a client can meet."""
    of_domain = {known.code for known in vars(errors).values() if isinstance(known, type) and hasattr(known, "code")}
    said = {
        code
        for file in (ROOT / "gql").rglob("*.py")
        for groups in _SAID.findall(file.read_text())
        for code in groups
        if code
    }
    return (of_domain | said | {code.value for code in ErrorCode}) - _NOT_CLIENTS


def test_every_setting_is_documented_with_its_default() -> None:
    expected = {setting.name.upper(): shown(setting.default) for setting in fields(Settings)}
    expected["SECRET_KEY"] = "a file"  # made by the first secret
    assert documented_settings() == expected


def test_every_code_is_documented_and_no_other() -> None:
    documented = [code for names, *_ in rows("Codes") for code in re.findall(r"`([A-Z_]+)`", names)]
    assert sorted(documented) == sorted(codes())
