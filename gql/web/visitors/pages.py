"""Small pages without scripts, for those who follow a link out of a mail."""

import base64
import hashlib
from collections.abc import Mapping
from html import escape
from types import MappingProxyType

from starlette.responses import HTMLResponse

_STYLE = (
    "body{font:1.1rem/1.5 system-ui,sans-serif;margin:0;padding:10vh 1.5rem}"
    "main{max-width:34rem;margin:0 auto}"
    "button{font:inherit;padding:.5rem 1.25rem;cursor:pointer}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS: Mapping[str, str] = MappingProxyType(
    {
        # The only style is known by its digest.
        "content-security-policy": (
            f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; base-uri 'none'; "
            "frame-ancestors 'none'"
        ),
        # Its address has a token in it.
        "referrer-policy": "no-referrer",
        "cache-control": "no-store",
        "x-robots-tag": "noindex",
    }
)
_PAGE = """<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>{title}</title>
    <style>{style}</style>
  </head>
  <body>
    <main>
      <h1>{title}</h1>
      <p>{text}</p>
{button}      <p><a href="{home}">{name}</a></p>
    </main>
  </body>
</html>
"""
#: To its own address, with the token that is in it, whatever path a proxy has put before it.
_BUTTON = '      <form method="post"><button>{label}</button></form>\n'


def page(*, title: str, text: str, name: str, home: str, button: str | None = None, status: int = 200) -> HTMLResponse:
    """Return a page with a text, and with a button that sends a POST to the page's own address.

    `home` is the way from here to the status page, relative, which has the `name`.
    """
    content = _PAGE.format(
        title=escape(title),
        text=escape(text),
        style=_STYLE,
        button="" if button is None else _BUTTON.format(label=escape(button)),
        home=escape(home),
        name=escape(name),
    )
    return HTMLResponse(content, status, headers=dict(_HEADERS))
