"""The public keys of an OIDC issuer, fetched when they are needed and kept for a while."""

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

logger = logging.getLogger(__name__)

#: Keys that the issuer gave up are trusted for no longer than this.
_KEPT = timedelta(minutes=10)
#: Anybody can send a token that names an unknown key; the issuer must not hear of each.
_UNKNOWN_EVERY = timedelta(seconds=30)
_FETCH_SECONDS = 5.0
_LARGEST_ANSWER = 1 << 20
_DISCOVERY = "/.well-known/openid-configuration"


class IssuerKeys:
    """Keys by their id. An unknown one is looked for at the issuer, at most every 30 seconds."""

    def __init__(self, *, issuer: str, url: str | None, clock: Clock) -> None:
        self._issuer = issuer
        self._url = url
        self._clock = clock
        self._keys: Mapping[str | None, PyJWK] = {}
        self._fetched_at: datetime | None = None
        self._tried_at: datetime | None = None
        self._fetching = asyncio.Lock()

    async def find(self, key_id: str | None) -> PyJWK | None:
        """The key of that id, or the only key for a token that names none; None where the issuer has no such key."""
        key = self._known(key_id)
        if key is not None:
            return key
        async with self._fetching:
            # Whoever waited for the lock finds what the one before them fetched.
            if self._may_fetch():
                await self._fetch()
        return self._known(key_id)

    def _known(self, key_id: str | None) -> PyJWK | None:
        if self._fetched_at is None or not timedelta() <= self._clock.now() - self._fetched_at <= _KEPT:
            return None
        return self._keys.get(key_id)

    def _may_fetch(self) -> bool:
        return self._tried_at is None or not timedelta() <= self._clock.now() - self._tried_at < _UNKNOWN_EVERY

    async def _fetch(self) -> None:
        self._tried_at = self._clock.now()
        try:
            keys = PyJWKSet.from_dict(await asyncio.to_thread(self._download)).keys
        except (OSError, HTTPException, ValueError, KeyError, TypeError, PyJWTError) as error:
            # Those that are known hold on for as long as they are kept: the issuer may be away for a moment.
            logger.warning("the keys of the OIDC issuer could not be read: %s", error)
            return
        signing = [key for key in keys if key.public_key_use in {None, "sig"}]
        self._keys = {key.key_id: key for key in signing}
        if len(signing) == 1:
            self._keys |= {None: signing[0]}
        self._fetched_at = self._tried_at

    def _download(self) -> Any:
        url = self._url
        if url is None:
            about = _read_json(self._issuer.rstrip("/") + _DISCOVERY)
            if about["issuer"] != self._issuer:
                # OpenID Connect Discovery 1.0, 4.3: they must be the same.
                raise ValueError(f"its discovery document is that of {about['issuer']!r}")
            url = about["jwks_uri"]
        return _read_json(url)


def _read_json(url: str) -> Any:
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"{url!r} is no web address")
    with urlopen(url, timeout=_FETCH_SECONDS) as answer:  # noqa: S310 - its scheme was looked at above
        return json.loads(answer.read(_LARGEST_ANSWER))
