"""The addresses of visitors: what one may be, what may be shown of it, and the place behind it."""

import re

import httpx

from domain.errors import InvalidInputError
from domain.model.visitor import VisitorKind
from domain.outbound.requests import checked_url

#: The rule of browsers for `<input type="email">` (HTML, 4.10.5.1.5), so that a form and this server agree; but with a
#: dot in the domain, and a last label that is no number.
_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_MAIL = re.compile(
    # In ASCII: else case is ignored in other letters as well, such as the sign of Kelvin, which is a `k` to it.
    rf"([a-z0-9.!#$%&'*+/=?^_`{{|}}~-]{{1,64}})@((?:{_LABEL}\.)+{_LABEL})",
    re.IGNORECASE | re.ASCII,
)
_NUMBER = re.compile(r"[0-9]+")
#: RFC 5321, 4.5.3.1.3, without the angle brackets.
_LONGEST_MAIL = 254
_LONGEST_URL = 2_000
_WEB_PORTS, _LEAST_PORT = {80, 443}, 1024


def checked_mail(text: str) -> str:
    """Return a mail address as it is kept: its domain in lower case.

    Raises:
        InvalidInputError: it is none.
    """
    found = _MAIL.fullmatch(text.strip()) if len(text) <= 2 * _LONGEST_MAIL else None
    # No part of an address is an encoded word (RFC 2047, 5): programs would show another address in its place.
    if found is None or "=?" in found[1] or len(found[0]) > _LONGEST_MAIL or _ends_in_number(found[2]):
        raise InvalidInputError("This is no mail address such as `name@example.com`.", field=["email"])
    return f"{found[1]}@{found[2].lower()}"


def _ends_in_number(domain: str) -> bool:
    return _NUMBER.fullmatch(domain.rpartition(".")[2]) is not None


def checked_webhook(text: str) -> str:
    """Return the URL of a webhook as it is kept; whether it may be called is another question.

    Raises:
        InvalidInputError: it is no web address, is too long, or holds a password or a fragment.
    """
    if len(text) > _LONGEST_URL:
        raise InvalidInputError(f"The URL must have at most {_LONGEST_URL} characters.", field=["webhook"])
    try:
        url = checked_url(text)
    except InvalidInputError as error:
        raise InvalidInputError(error.message, field=["webhook"]) from None
    if url.userinfo or url.fragment:
        raise InvalidInputError("The URL must hold no user, no password and no fragment.", field=["webhook"])
    if url.port is not None and url.port not in _WEB_PORTS and url.port < _LEAST_PORT:
        # Those are of mail servers and others, which would have to read what anybody has them sent.
        raise InvalidInputError("The port must be 80, 443 or one from 1024 on.", field=["webhook"])
    return str(url)


def same_address(kind: VisitorKind, address: str) -> str:
    """Return the text that all spellings of an address share."""
    return address.lower() if kind is VisitorKind.MAIL else address


def place_of(kind: VisitorKind, address: str) -> str:
    """Return the mailbox or the page behind an address, which other addresses may lead to as well.

    Most mail servers deliver `name+anything` to `name`; most pages are the same with any query.
    """
    if kind is VisitorKind.MAIL:
        name, _, domain = address.lower().partition("@")
        return f"{name.partition('+')[0] or name}@{domain}"
    return str(httpx.URL(address).copy_with(query=None))


def masked(kind: VisitorKind, address: str) -> str:
    """Return what admins may see of an address: enough to recognize it, too little to write to."""
    if kind is VisitorKind.MAIL:
        name, _, domain = address.partition("@")
        return f"{name[:1]}***@{domain}"
    url = httpx.URL(address)
    host = f"[{url.host}]" if ":" in url.host else url.host
    port = f":{url.port}" if url.port else ""
    return f"{url.scheme}://{host}{port}/***"
