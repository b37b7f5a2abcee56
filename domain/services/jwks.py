"""The public keys of an OIDC issuer, fetched on demand and cached."""

import asyncio
import json
import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from http.client import HTTPException
from typing import Any
from urllib.request import urlopen

from jwt import PyJWK, PyJWKSet, PyJWTError

from domain.clock import Clock
from domain.errors import UnavailableError

logger = logging.getLogger(__name__)

#: Keys that the issuer has removed are trusted for at most this long.
_KEPT = timedelta(minutes=10)
#: Any caller can send a token with an unknown key id; not each of them may cause a request to the issuer.
_UNKNOWN_EVERY = timedelta(seconds=30)
_FETCH_SECONDS = 5.0
_LARGEST_ANSWER = 1 << 20
_DISCOVERY = "/.well-known/openid-configuration"
_AWAY = "The identity provider does not answer at the moment, so that no token of it can be verified."


class IssuerKeys:
    """A cache of the issuer's keys by id. An unknown id is looked up at the issuer, at most every 30 seconds."""

    def __init__(self, *, issuer: str, url: str | None, clock: Clock) -> None:
        self._issuer = issuer
        self._url = url
        self._clock = clock
        self._keys: Mapping[str | None, PyJWK] = {}
        self._fetched_at: datetime | None = None
        self._tried_at: datetime | None = None
        self._fetching = asyncio.Lock()

    async def find(self, key_id: str | None) -> PyJWK | None:
        """Return the key of that id, or the issuer's only key for a token without an id; None where there is none.

        Raises:
            UnavailableError: no keys are known that are still trusted, and the issuer does not give any.
        """
        key = self._keys.get(key_id) if self._are_trusted() else None
        if key is not None:
            return key
        async with self._fetching:
            # A task that waited for the lock finds the keys that the one before it fetched.
            if self._may_fetch():
                await self._fetch()
        if not self._are_trusted():
            # Not the fault of the token: a client that is told so would throw it away.
            raise UnavailableError(_AWAY, retry_after_seconds=int(_UNKNOWN_EVERY.total_seconds()))
        return self._keys.get(key_id)

    def _are_trusted(self) -> bool:
        return self._fetched_at is not None and timedelta() <= self._clock.now() - self._fetched_at <= _KEPT

    def _may_fetch(self) -> bool:
        return self._tried_at is None or not timedelta() <= self._clock.now() - self._tried_at < _UNKNOWN_EVERY

    async def _fetch(self) -> None:
        self._tried_at = self._clock.now()
        try:
            keys = PyJWKSet.from_dict(await asyncio.to_thread(download_keys, self._issuer, self._url)).keys
        except (OSError, HTTPException, ValueError, KeyError, TypeError, PyJWTError) as error:
            # Cached keys stay valid until they expire: the issuer may be away for a moment.
            logger.warning("the keys of the OIDC issuer could not be read: %s", error)
            return
        signing = [key for key in keys if key.public_key_use in {None, "sig"}]
        self._keys = {key.key_id: key for key in signing}
        if len(signing) == 1:
            self._keys |= {None: signing[0]}
        self._fetched_at = self._tried_at


def download_keys(issuer: str, url: str | None) -> Any:
    """Return the keys of an issuer, from the address that its discovery document names unless there is another one.

    Raises:
        OSError, HTTPException, ValueError, KeyError, TypeError: they cannot be read.
    """
    if url is None:
        about = _read_json(issuer.rstrip("/") + _DISCOVERY)
        if about["issuer"] != issuer:
            # OpenID Connect Discovery 1.0, 4.3: they must be the same.
            raise ValueError(f"its discovery document is that of {about['issuer']!r}")
        url = about["jwks_uri"]
    return _read_json(url)


def _read_json(url: str) -> Any:
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"{url!r} is no web address")
    with urlopen(url, timeout=_FETCH_SECONDS) as answer:  # noqa: S310 - its scheme was checked above
        return json.loads(answer.read(_LARGEST_ANSWER))
