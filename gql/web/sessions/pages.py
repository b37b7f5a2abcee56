"""The page that says why a sign-in did not succeed, and the places that one leads back to."""

import hashlib
import re
from base64 import b64encode
from collections.abc import Mapping
from functools import cache
from html import escape
from pathlib import Path
from urllib.parse import quote

from starlette.responses import HTMLResponse, Response

from domain.errors import InvalidInputError

_PAGE = Path(__file__).parent.parent.parent / "static" / "sign-in.html"
_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)
#: A path of this server with its query and fragment. Browsers take `//` and `/\` for the beginning of another host's
#: name, and leave out tabs and line ends; so nothing but printable ASCII without backslashes is one.
_LOCAL = re.compile(r"/(?!/)[!-\[\]-~]*")
#: What fits into a cookie three times, as it is when all of it is encoded.
_LONGEST_PLACE = 1000
#: The root of the server from `/session/login` and `/session/callback`, also below a proxy's path.
ROOT = "../"


def checked_place(text: str | None) -> str:
    """Return the place that a sign-in leads to; without one, the root of the server.

    Raises:
        InvalidInputError: it is no path of this server.
    """
    if not text:
        return ROOT
    if len(text) > _LONGEST_PLACE or _LOCAL.fullmatch(text) is None:
        raise InvalidInputError("`next` must be a path of this server, such as /incidents/INC-4.", field=["next"])
    return text


def problem_page(
    status: int, words: str, *, name: str, place: str = ROOT, headers: Mapping[str, str] | None = None
) -> Response:
    """Return the page that says in words why somebody is not signed in, with links to try again and to go on without.

    Nothing of it is of the issuer.
    """
    text, policy = _template()
    again = "login" if place == ROOT else f"login?next={quote(place, safe='')}"
    filled = {"words": words, "name": name, "again": again, "back": place}
    for part, value in filled.items():
        text = text.replace(f"{{{{ {part} }}}}", escape(value))
    own = {"content-security-policy": policy, "referrer-policy": "no-referrer", "cache-control": "no-store"}
    return HTMLResponse(text, status, headers={**own, **(headers or {})})


@cache
def _template() -> tuple[str, str]:
    """Return the page, and the policy that lets a browser take its own style and nothing else."""
    text = _PAGE.read_text()
    [style] = _STYLE.findall(text)
    digest = b64encode(hashlib.sha256(style.encode()).digest()).decode()
    rest = "default-src 'none'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    return text, f"{rest}; style-src 'sha256-{digest}'"
