"""Knowledge of each process about those who are forgotten: what is in its memory has to go as well."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace

from domain.entities.erasure import ERASURE
from domain.entities.masking import SecretMasker
from domain.entities.registry import EntityRegistry
from domain.errors import CursorExpiredError
from domain.ids import new_id
from domain.messaging.tail import LogTail
from domain.model.actor import ActorType
from domain.model.viewer import Viewer
from domain.outages import logging_failures
from domain.persistence.database import Database
from domain.persistence.erasures import Known, PersonDigest
from domain.services.sessions import Sessions

logger = logging.getLogger(__name__)

_RETRY_SECONDS = 1.0


class KnownForgotten:
    """The erasures that this process knows: it follows the log, and reads them at its start.

    Tokens that an issuer gave a user before they were forgotten are refused from then on, and all of them until the
    erasure is over; streams with one end. Runs in memory replace the person in whatever they write. When an erasure is
    over, the changes in memory are dropped: they are read again, as they are now.
    """

    def __init__(
        self,
        *,
        database: Database,
        tail: LogTail,
        registry: EntityRegistry,
        sessions: Sessions,
        masker: SecretMasker,
        digests: PersonDigest,
    ) -> None:
        self._database = database
        self._tail = tail
        self._registry = registry
        self._sessions = sessions
        self._masker = masker
        self._digests = digests
        self._known: dict[str, Known] = {}
        #: The last erasure of each user, by the digest of their id.
        self._users: dict[str, Known] = {}
        self._task: asyncio.Task[None] | None = None
        #: Is set where there may be something to do.
        self.changed = asyncio.Event()

    @property
    def has_pending(self) -> bool:
        """Return whether an erasure is known that is not over."""
        return any(known.forgotten is not None for known in self._known.values())

    def start(self, erasures: Sequence[Known], *, after: int) -> None:
        """Take over the erasures as of a position of the log, and follow it from there."""
        self.learn(erasures)
        self._task = asyncio.create_task(self._run(after))

    async def stop(self) -> None:
        """Stop following the log."""
        if self._task is not None:
            # The task only waits for the log, and reads; a read that is under way is finished without it.
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def digest(self, person_id: str) -> str:
        """Return the keyed digest by which the erasure of a person is found."""
        return self._digests.of(person_id)

    def refuses(self, viewer: Viewer) -> bool:
        """Return whether a user's token was issued before they were forgotten, or while they are."""
        if not self._users or viewer.actor.type is not ActorType.USER:
            return False
        known = self._users.get(self._digests.of(viewer.actor.id))
        if known is None:
            return False
        issued = viewer.issued_at
        return known.forgotten is not None or (issued is not None and issued <= known.forgotten_at)

    async def refresh(self, ids: Sequence[str] | None = None) -> None:
        """Read all erasures, or those of these ids, and take them over."""
        self.learn(await self._database.read(lambda session: session.erasures.known(ids)))

    def learn(self, erasures: Sequence[Known]) -> None:
        """Take over erasures, and take out of memory what has to go."""
        for known in erasures:
            former = self._known.get(known.id)
            # One that is over is never pending again, whichever of two reads at once comes last.
            if former is None or (former.forgotten is not None and known.forgotten is None):
                self._take(known, former)
        self.changed.set()

    def over(self, erasure_id: str) -> None:
        """Take over that an erasure is over."""
        if erasure_id in self._known:
            self.learn([replace(self._known[erasure_id], forgotten=None)])

    def _take(self, known: Known, former: Known | None) -> None:
        self._known[known.id] = known
        if known.actor_type is ActorType.USER:
            self._users[known.digest] = known
        self._registry.forget_users()
        if known.forgotten is not None:
            self._masker.erase(known.id, known.forgotten.without_words)
            self._sessions.forgotten(known.forgotten.former)
            return
        if former is not None:
            self._masker.erased(known.id, before=new_id("run"))
        self._tail.drop()

    async def _run(self, position: int) -> None:
        while True:
            with logging_failures(logger, "erasures cannot follow the log; trying again"):
                try:
                    async with aclosing(self._tail.follow(position)) as following:
                        async for batch in following:
                            moved = {change.entity_id for change in batch if change.kind == ERASURE.name}
                            if moved:
                                await self.refresh(sorted(moved))
                            position = batch[-1].seq
                except CursorExpiredError:
                    last = self._tail.last
                    # Before the position moves: what is passed over is known only by this.
                    await self.refresh()
                    position = last
                    continue
            await asyncio.sleep(_RETRY_SECONDS)
