"""The link that a start prints, by which whoever opens it is signed in without typing a token."""

import sys
from datetime import timedelta

from domain.bootstrap import Domain
from domain.demo.service import DEMO
from domain.model.commands import CreateToken
from domain.model.viewer import Role

#: The name of the person that opens the link of a demo.
_VISITOR = "Demo visitor"
#: As long as a browser keeps the cookie.
_LASTS = timedelta(days=30)
_ANY_ADDRESS = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where nothing is bound to


async def start_link(domain: Domain, *, port: int, demo: bool, token: str | None) -> str | None:
    """Return the link of this start: of a demo's own admin, or of a new admin token on a terminal; None without either.

    A demo's token gets another secret at each start, so that the link of the last one alone is valid. The secret is the
    fragment of the address, which browsers send to nobody; a token of the settings is never shown.
    """
    if demo:
        ends = domain.clock.now() + _LASTS
        token = await domain.tokens.renew(DEMO, CreateToken(name=_VISITOR, role=Role.ADMIN, expires_at=ends))
    elif not sys.stdout.isatty():
        # A log keeps what is printed, and the token is in it once already.
        return None
    return None if token is None else f"{_root_of(domain, port)}/#token={token}"


def _root_of(domain: Domain, port: int) -> str:
    settings = domain.settings
    if settings.public_url is not None:
        return settings.public_url.rstrip("/")
    host = _ANY_ADDRESS.get(settings.host, settings.host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
