"""The frame of all writing use cases: one unit of work, the caller as origin, and idempotency keys."""

import dataclasses
import hashlib
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from domain.clock import Clock
from domain.entities.origin import Origin
from domain.errors import ConflictError, InvalidInputError, NotFoundError, VersionConflictError
from domain.model.actor import ActorType
from domain.model.incident import Incident
from domain.model.moment import cut
from domain.model.system import System
from domain.model.texts import checked_callers_key
from domain.model.viewer import Viewer
from domain.persistence.database import Database
from domain.persistence.idempotency import KeyName
from domain.persistence.unit_of_work import UnitOfWork
from domain.services.answers import AnswerError, with_answer

logger = logging.getLogger(__name__)
T = TypeVar("T")
F = TypeVar("F")
KEPT = timedelta(hours=24)
#: How far the clocks of callers may be ahead of ours before "in the future" is an error.
_SKEW = timedelta(minutes=5)
#: PostgreSQL stores the first moment of the calendar as -infinity, which no driver reads back as a time.
_EARLIEST_YEAR = 1900


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """The result of a write, with the log's position after it."""

    value: T
    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Idempotency(Generic[T]):
    """The conversion of one call's result to and from the answer stored under its key."""

    mutation: str
    key: str | None
    command: Any
    to_answer: Callable[[T], Mapping[str, Any]]
    #: Raises NotFoundError where what the call wrote was deleted since.
    from_answer: Callable[[UnitOfWork, Mapping[str, Any]], Awaitable[T]]


@dataclass(frozen=True, slots=True)
class _Replayed(Generic[T]):
    value: T
    seq: int


class Writer:
    """The runner of writing use cases."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def run(self, work: Callable[[UnitOfWork], Awaitable[T]]) -> Outcome[T]:
        """Run a use case in one unit of work."""
        return await self._outcome(work, lambda value: value)

    async def run_once(
        self, viewer: Viewer, work: Callable[[UnitOfWork], Awaitable[T]], once: Idempotency[T]
    ) -> Outcome[T]:
        """Run a use case, or return the stored answer where this caller used the key within a day.

        Raises:
            ConflictError: the key was used with another input.
            NotFoundError: what was written under the key was deleted since.
            InvalidInputError: the key is blank or too long, or no single line.
        """
        if once.key is None:
            return await self.run(work)
        key = checked_callers_key(once.key, field="idempotencyKey", noun="Idempotency key")
        name = KeyName(viewer_id=_owner(viewer), mutation=once.mutation, key=key)
        digest = _digest(once.command)
        now = self._clock.now()

        async def attempt(unit: UnitOfWork) -> T | _Replayed[T]:
            stored = await unit.idempotency.claim(name, input_digest=digest, now=now, forget_before=now - KEPT)
            if stored is not None:
                if stored.input_digest != digest:
                    raise ConflictError(
                        "This idempotency key was used with another input within the last day.",
                        field=["idempotencyKey"],
                    )
                return _Replayed(await once.from_answer(unit, stored.answer), stored.seq)
            value = await work(unit)

            async def keep(seq: int) -> None:
                await unit.idempotency.answer(name, once.to_answer(value), seq=seq)

            unit.before_commit(keep)
            return value

        outcome = await self._outcome(attempt, _plain)
        if isinstance(outcome.value, _Replayed):
            return Outcome(outcome.value.value, outcome.value.seq)
        return Outcome(outcome.value, outcome.seq)

    async def _outcome(self, work: Callable[[UnitOfWork], Awaitable[T]], shown: Callable[[T], Any]) -> Outcome[T]:
        whole = with_answer(work, shown)
        if whole is not None:
            try:
                committed = await self._database.write(whole, joins=True)
            except AnswerError:
                # Nothing was committed.
                logger.exception("the answer of a write could not be read in its transaction")
            else:
                return Outcome(committed.value, committed.seq)
        committed = await self._database.write(work, joins=True)
        return Outcome(committed.value, committed.seq)


def recalled(found: Mapping[str, F], identifier: str, *, noun: str) -> F:
    """Return what the first call under an idempotency key wrote.

    Raises:
        NotFoundError: it was deleted since.
    """
    if identifier not in found:
        raise NotFoundError(noun, identifier, field=["idempotencyKey"])
    return found[identifier]


def origin_of(viewer: Viewer, field: str = "id") -> Origin:
    """Return the origin of a change by this caller, within its limits; `field` is the one that names the incident."""

    def permit(before: Sequence[str] | None, after: Sequence[str] | None) -> None:
        if before is not None:
            viewer.require_systems(before, field=field)
        if after is not None:
            viewer.require_systems(after, field="systemIds")

    return Origin(actor=viewer.actor, permit=permit)


def check_version(current: Incident | System, expected: int | None) -> None:
    """Check that the caller saw the present version, or did not name one.

    Raises:
        VersionConflictError: the object changed since.
    """
    if expected is not None and expected != current.version:
        noun = "The system" if isinstance(current, System) else "The incident"
        raise VersionConflictError(noun, expected=expected, current=current, version=current.version)


def checked_moment(moment: datetime, *, now: datetime, field: str) -> datetime:
    """Return a moment that is not in the future, as it is stored.

    Raises:
        InvalidInputError: it is more than five minutes ahead, or before 1900, as the zero of some programs' times is.
    """
    if moment.year < _EARLIEST_YEAR:
        raise InvalidInputError(f"This moment lies before the year {_EARLIEST_YEAR}.", field=[field])
    if moment > now + _SKEW:
        raise InvalidInputError("This moment lies in the future.", field=[field])
    return min(cut(moment), now)


def _plain(value: T | _Replayed[T]) -> T:
    return value.value if isinstance(value, _Replayed) else value


def _owner(viewer: Viewer) -> str:
    # Users' ids come from the issuer, which must not reach a token's answers by giving a user the token's id.
    return f"user:{viewer.actor.id}" if viewer.actor.type is ActorType.USER else viewer.actor.id


def _digest(command: Any) -> str:
    text = json.dumps(dataclasses.asdict(command), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
