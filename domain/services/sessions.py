"""The credentials in use, cached so that authentication needs no query, and watched so that streams end with them."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from domain.clock import Clock
from domain.model.actor import Actor, ActorType
from domain.model.token import ApiToken
from domain.model.viewer import Viewer
from domain.outages import logging_failures
from domain.persistence.database import Database
from domain.persistence.tokens import token_digest

logger = logging.getLogger(__name__)

EXPIRED = "Token expired"
REVOKED = "Token revoked"

#: How long a token is cached: with the check below, a revocation in another process ends a stream within 3 s.
_KEPT = timedelta(seconds=2)
_CHECK_SECONDS = 1.0
_MOST_KEPT = 10_000
_USE_EVERY = timedelta(minutes=1)
#: A statement can name only so many ids.
_CHUNK = 500

#: The streams that end together: those of one token, or of one user and of tokens that expire at the same moment.
_Credential = tuple[str | None, str | None, datetime | None]


@dataclass(frozen=True, slots=True)
class _Known:
    """A token as it was read, valid or not, and for how long that may be relied on."""

    token: ApiToken
    viewer: Viewer
    since: datetime
    until: datetime


@dataclass(slots=True, eq=False)
class Watched:
    """A credential with open streams."""

    expires_at: datetime | None = None
    streams: int = 0
    reason: str | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    listeners: set[Callable[[str], None]] = field(default_factory=set)

    def is_over(self, now: datetime) -> bool:
        """Return whether the credential has ended; it is called for every event of every stream and makes no query."""
        return self.reason is not None or (self.expires_at is not None and self.expires_at <= now)

    def end(self, reason: str) -> None:
        """Notify all listeners, once."""
        if self.reason is None:
            self.reason = reason
            self.ended.set()
            for listener in list(self.listeners):
                listener(reason)


class Held:
    """A stream's registration at its credential, for as long as the stream is open."""

    __slots__ = ("_on_end", "_release", "credential")

    def __init__(self, credential: Watched, on_end: Callable[[str], None], release: Callable[[], None]) -> None:
        #: The credential that all streams of the same token share.
        self.credential = credential
        self._on_end = on_end
        self._release = release
        credential.streams += 1
        credential.listeners.add(on_end)

    def release(self) -> None:
        """Unregister the stream."""
        self.credential.listeners.discard(self._on_end)
        self.credential.streams -= 1
        self._release()


class Sessions:
    """Cached tokens, credentials with open streams, and one task that checks both."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._read: dict[str, _Known] = {}
        self._watched: dict[_Credential, Watched] = {}
        self._used: dict[str, datetime] = {}
        self._noted: dict[str, datetime] = {}
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start to check the credentials in use."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Stop after a last check, which stores the last uses of tokens."""
        self._stopping.set()
        if self._task is not None:
            await self._task

    async def viewer_with(self, secret: str) -> Viewer | None:
        """Return the caller of the valid token with that secret, at most two seconds old."""
        digest = token_digest(secret)
        now = self._clock.now()
        known = self._fresh(digest, now)
        if known is None:
            token = await self._database.read(lambda session: session.tokens.find(digest))
            if token is None:
                return None
            known = self._remember(digest, token, now)
        return self._used_by(known, now)

    def known_viewer_with(self, secret: str) -> Viewer | None:
        """Return the caller of the valid token with that secret, if it was read within the last two seconds."""
        now = self._clock.now()
        known = self._fresh(token_digest(secret), now)
        return None if known is None else self._used_by(known, now)

    def _fresh(self, digest: str, now: datetime) -> _Known | None:
        known = self._read.get(digest)
        # Not before it was read either: a clock that was set back must not prolong the cache.
        return known if known is not None and known.since <= now <= known.until else None

    def _used_by(self, known: _Known, now: datetime) -> Viewer | None:
        if not known.token.is_valid(now):
            return None
        self._used[known.token.id] = now
        return known.viewer

    def why_invalid(self, viewer: Viewer) -> str | None:
        """Return why the caller's credential is known to be invalid; None while it is valid."""
        watched = self._watched.get(_credential(viewer))
        if viewer.expires_at is not None and viewer.expires_at <= self._clock.now():
            if watched is not None:
                watched.end(EXPIRED)
            return EXPIRED
        return watched.reason if watched is not None else None

    def hold(self, viewer: Viewer, on_end: Callable[[str], None]) -> Held:
        """Register a stream at the caller's credential; `on_end` is called once when that becomes invalid."""
        credential = _credential(viewer)
        watched = self._watched.setdefault(credential, Watched(expires_at=viewer.expires_at))
        return Held(watched, on_end, lambda: self._forget(credential, watched))

    async def wait_invalid(self, viewer: Viewer) -> str:
        """Wait until the caller's credential becomes invalid and return why; without a credential, wait for ever."""
        credential = _credential(viewer)
        watched = self._watched.setdefault(credential, Watched(expires_at=viewer.expires_at))
        watched.streams += 1
        try:
            await watched.ended.wait()
            return watched.reason or REVOKED
        finally:
            watched.streams -= 1
            self._forget(credential, watched)

    def revoked(self, token_id: str) -> None:
        """End all streams of this token in this process at once; other processes notice at their next check."""
        self._read = {digest: kept for digest, kept in self._read.items() if kept.token.id != token_id}
        for credential, watched in self._watched.items():
            if credential[0] == token_id:
                watched.end(REVOKED)

    def forgotten(self, person: Actor) -> None:
        """End all streams of this person in this process at once."""
        if person.type is not ActorType.USER:
            self.revoked(person.id)
            return
        for credential, watched in self._watched.items():
            if credential[0] is None and credential[1] == person.id:
                watched.end(REVOKED)

    async def check(self) -> None:
        """Check now: end expired and revoked credentials, and store the last uses of tokens."""
        now = self._clock.now()
        # First, because it works also while the database does not answer.
        for (*_, expires_at), watched in self._watched.items():
            if expires_at is not None and expires_at <= now:
                watched.end(EXPIRED)
        ids = sorted({token_id for token_id, *_ in self._watched if token_id is not None})
        for start in range(0, len(ids), _CHUNK):
            chunk = ids[start : start + _CHUNK]
            for token_id in set(chunk) - await self._unrevoked(chunk):
                self.revoked(token_id)
        await self._write_uses(now)

    def _forget(self, credential: _Credential, watched: Watched) -> None:
        if not watched.streams and self._watched.get(credential) is watched:
            del self._watched[credential]

    def _remember(self, digest: str, token: ApiToken, now: datetime) -> _Known:
        self._read.pop(digest, None)
        if len(self._read) >= _MOST_KEPT:
            del self._read[next(iter(self._read))]
        known = self._read[digest] = _Known(token, token.viewer, now, now + _KEPT)
        return known

    async def _unrevoked(self, ids: Sequence[str]) -> set[str]:
        return await self._database.read(lambda session: session.tokens.unrevoked(ids))

    async def _write_uses(self, now: datetime) -> None:
        self._noted = {token_id: at for token_id, at in self._noted.items() if now - at < _USE_EVERY}
        due = {token_id: at for token_id, at in self._used.items() if token_id not in self._noted}
        if not due:
            return
        self._noted |= due
        self._used = {token_id: at for token_id, at in self._used.items() if token_id not in due}
        await self._database.write(lambda unit: unit.tokens.used(due, every=_USE_EVERY))

    async def _run(self) -> None:
        while not self._stopping.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(_CHECK_SECONDS):
                    await self._stopping.wait()
            if self._watched or self._used:
                with logging_failures(logger, "checking tokens failed; retrying in %s s", _CHECK_SECONDS):
                    await self.check()


def _credential(viewer: Viewer) -> _Credential:
    user_id = viewer.actor.id if viewer.token_id is None else None
    return viewer.token_id, user_id, viewer.expires_at
