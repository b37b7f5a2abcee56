"""Resolving and deleting several incidents in one call."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from domain.errors import DomainError, InvalidInputError
from domain.model.incident import Incident
from domain.model.texts import checked_message
from domain.model.viewer import Viewer
from domain.services.incidents import IncidentService
from domain.services.writing import Outcome

BULK = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkResult:
    """The result for one id of a bulk mutation."""

    id: str
    incident: Incident | None
    #: The error, if it failed; anything but a DomainError is a bug, and not logged yet.
    error: Exception | None
    #: The log's position after it; None where it could not be read.
    seq: int | None


def _ignore(_: BulkResult) -> None:
    pass


class BulkService:
    """The use cases of several incidents at once; each of them has a transaction of its own."""

    def __init__(self, incidents: IncidentService) -> None:
        self._incidents = incidents

    async def resolve(
        self,
        viewer: Viewer,
        ids: Sequence[str],
        *,
        message: str | None,
        done: Callable[[BulkResult], None] = _ignore,
    ) -> list[BulkResult]:
        """Resolve up to 100 incidents, each by itself and in the order given; one failure does not stop the rest.

        `done` is called with each result at once, for callers that may be cut off before the end.

        Raises:
            InvalidInputError: there are no ids, or too many.
        """

        async def resolve(incident_id: str) -> Outcome[Incident]:
            return await self._incidents.resolve(viewer, incident_id, message=message)

        if message is not None and message.strip():
            checked_message(message)
        return [await _single(incident_id, resolve, done) for incident_id in _checked_ids(ids)]

    async def delete(
        self, viewer: Viewer, ids: Sequence[str], *, done: Callable[[BulkResult], None] = _ignore
    ) -> list[BulkResult]:
        """Delete up to 100 incidents, each by itself and in the order given; one failure does not stop the rest.

        `done` is called with each result at once, for callers that may be cut off before the end.

        Raises:
            InvalidInputError: there are no ids, or too many.
        """

        async def delete(incident_id: str) -> Outcome[None]:
            return Outcome(None, (await self._incidents.delete(viewer, incident_id)).seq)

        return [await _single(incident_id, delete, done) for incident_id in _checked_ids(ids)]


def _checked_ids(ids: Sequence[str]) -> list[str]:
    if not 1 <= len(ids) <= BULK:
        raise InvalidInputError(f"Name 1 to {BULK} incidents.", field=["ids"])
    return list(dict.fromkeys(ids))


async def _single(
    incident_id: str, write: Callable[[str], Awaitable[Outcome[Any]]], done: Callable[[BulkResult], None]
) -> BulkResult:
    try:
        outcome = await write(incident_id)
        result = BulkResult(id=incident_id, incident=outcome.value, error=None, seq=outcome.seq)
    except Exception as error:  # noqa: BLE001 - whatever it is, it must not hide what became of the others
        seq = error.log_head if isinstance(error, DomainError) else None
        result = BulkResult(id=incident_id, incident=None, error=error, seq=seq)
    done(result)
    return result
