"""The files that the status page loads, and the look that its operator gives it: name, logo and colour."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from domain.errors import StartupError
from domain.settings import Settings
from gql.web.status.colors import Color, color_of, hex_of, readable

STATIC = Path(__file__).parent.parent.parent / "static"
_LARGEST_LOGO = 256 * 1024
_PNG = b"\x89PNG\r\n\x1a\n"
#: A colour that differs between light and dark; browsers know it since 2024, and readers of this page have older ones.
_BOTH = re.compile(r"light-dark\((#[0-9a-f]{3,8}), (#[0-9a-f]{3,8})\)")
#: The lightest and the darkest background of each set, on which the operator's colour has to be read.
_LIGHT, _DARK, _BLACK, _WHITE = (250, 250, 248), (23, 26, 30), (0, 0, 0), (255, 255, 255)
_AA, _AAA = 4.5, 7.0
_COMMENT = re.compile(r"/\*.*?\*/\s*", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file that pages load, with its media type."""

    content: bytes
    media: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """All files by their names, the version of them that is a part of their addresses, and the logo's name."""

    files: Mapping[str, File]
    version: str
    logo: str | None


def look_of(settings: Settings) -> Look:
    """Return the look that settings describe.

    Raises:
        StartupError: the logo cannot be read or is none, or the colour is none.
    """
    css = _styles(color_of(settings.public_color) if settings.public_color else None)
    files = {
        "status.css": File(content=css.encode(), media="text/css"),
        "status.js": File(content=(STATIC / "status" / "status.js").read_bytes(), media="text/javascript"),
    }
    logo = None
    if settings.public_logo is not None:
        found = _logo(Path(settings.public_logo))
        logo = "logo.svg" if found.media == "image/svg+xml" else "logo.png"
        files[logo] = found
    digest = hashlib.sha256(b"".join(name.encode() + file.content for name, file in sorted(files.items())))
    return Look(files=files, version=digest.hexdigest()[:12], logo=logo)


def _logo(path: Path) -> File:
    try:
        content = path.read_bytes()
    except OSError as error:
        reason = error.strerror or "unknown"
        raise StartupError(f"INCIDENTQL_PUBLIC_LOGO cannot be read: {reason}: {path}.") from error
    if len(content) > _LARGEST_LOGO:
        raise StartupError(f"INCIDENTQL_PUBLIC_LOGO must have at most {_LARGEST_LOGO // 1024} KB: phones load it.")
    if content.startswith(_PNG):
        return File(content=content, media="image/png")
    if b"<svg" in content[:4096]:
        return File(content=content, media="image/svg+xml")
    raise StartupError("INCIDENTQL_PUBLIC_LOGO must be an SVG or a PNG.")


def _styles(accent: Color | None) -> str:
    tokens = _COMMENT.sub("", (STATIC / "board" / "style" / "tokens.css").read_text())
    own = _COMMENT.sub("", (STATIC / "status" / "status.css").read_text())
    return "\n".join((_in_two_sets(tokens), _in_two_sets(own), _accent(accent) if accent else ""))


def _in_two_sets(tokens: str) -> str:
    """Return a sheet of tokens with its dark colours in a query of their own."""
    light = _BOTH.sub(lambda found: found[1], tokens)
    blocks = [_query(*found) for found in _blocks(tokens)]
    return "\n".join([light, *(block for block in blocks if block)])


def _blocks(tokens: str) -> list[tuple[str, str]]:
    """Return the colours of the usual set and of that of high contrast, each with the query that it is in."""
    contrast = re.search(r"@media \(prefers-contrast: more\) \{(.*?\})\s*\}", tokens, re.DOTALL)
    usual = re.search(r":root \{(.*?)\n\}", tokens, re.DOTALL)
    return [
        *([("(prefers-color-scheme: dark)", usual[1])] if usual else []),
        *([("(prefers-color-scheme: dark) and (prefers-contrast: more)", contrast[1])] if contrast else []),
    ]


def _query(condition: str, declarations: str) -> str:
    colors = re.findall(r"(--[\w-]+): light-dark\(#[0-9a-f]{3,8}, (#[0-9a-f]{3,8})\)", declarations)
    selector = ":root:not([data-theme])" if "contrast" in condition else ":root"
    return f"@media {condition} {{ {selector} {{ {' '.join(f'{name}: {value};' for name, value in colors)} }} }}"


def _accent(color: Color) -> str:
    """Return the operator's colour for each set, as near as it can be read there."""

    def rule(selector: str, on: Color, least: float) -> str:
        value = readable(color, on=on, least=least)
        # What can be read on a background, that background can be read on.
        return f"{selector} {{ --accent: {value}; --on-accent: {hex_of(on)}; }}"

    more = ":root:not([data-theme])"
    return (
        f"{rule(':root', _LIGHT, _AA)}\n"
        f"@media (prefers-color-scheme: dark) {{ {rule(':root', _DARK, _AA)} }}\n"
        f"@media (prefers-contrast: more) {{ {rule(more, _WHITE, _AAA)} }}\n"
        f"@media (prefers-color-scheme: dark) and (prefers-contrast: more) {{ {rule(more, _BLACK, _AAA)} }}"
    )
