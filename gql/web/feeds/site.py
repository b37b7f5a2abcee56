"""Names and addresses in feeds: the site that they are of, and ids that stay the same wherever it moves."""

import re
import uuid
from dataclasses import dataclass

from starlette.requests import Request

from domain.settings import Settings
from gql.requests.statuses import HttpOutcome, RefusalError

#: A host as a URL has it, with its port (RFC 3986, 3.2.2); anything else would be a link to nowhere.
_HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_ALPHABET = {letter: value for value, letter in enumerate("0123456789abcdefghjkmnpqrstvwxyz")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The server as its readers know it."""

    name: str
    #: Its address, without a slash at the end.
    url: str


def site_of(request: Request, settings: Settings) -> Site:
    """Return the site that a request came to: as the settings have it, else as the request names it.

    Raises:
        RefusalError: its `Host` is none.
    """
    url = settings.public_url
    if url is None:
        if _HOST.fullmatch(request.headers.get("host", "")) is None:
            raise RefusalError(HttpOutcome.ILL_FORMED, "The header `Host` is not the name of a host.")
        url = str(request.base_url)
    return Site(name=settings.public_name, url=url.rstrip("/"))


def urn_of(identifier: str, part: str | None = None) -> str:
    """Return the URN of an id, whose last part is a UUID in base 32, or of a part of that with its name in it.

    The same on every address of the server.
    """
    number = 0
    for letter in identifier.rpartition("_")[2]:
        number = number << 5 | _ALPHABET[letter]
    found = uuid.UUID(int=number)
    return (found if part is None else uuid.uuid5(found, part)).urn
