"""Results of a bulk mutation, collected id by id."""

from collections.abc import Sequence
from typing import Any

from strawberry.scalars import ID

from domain.errors import UnavailableError
from domain.services.bulk import BulkResult
from domain.services.writing import Outcome
from gql.context import Context
from gql.limits.timing import LateError, NotBegunError
from gql.types.errors import UserError
from gql.types.incident import Incident
from gql.types.payloads import IncidentResult


class Bulk:
    """The results so far, which are shown even where the deadline comes before the last one."""

    def __init__(self, context: Context, ids: Sequence[str]) -> None:
        self._context = context
        self._ids = ids
        self._seqs: list[int] = []
        self._results: dict[str, IncidentResult] = {}
        #: The outage that failed every id so far, if there is one.
        self._outages: list[UnavailableError] = []
        context.so_far = self._so_far

    def note(self, result: BulkResult) -> None:
        """Record the result of one id."""
        if result.seq is not None:
            self._seqs.append(result.seq)
        if isinstance(result.error, UnavailableError):
            self._outages.append(result.error)
        incident = None if result.incident is None else Incident.of(result.incident)
        self._results[result.id] = self._shown(result.id, result.error, incident)

    def outcome(self) -> Outcome[None]:
        """Return the final result, at the log's position after the last write.

        Raises:
            UnavailableError: an outage kept every single one from being done.
        """
        if self._outages and len(self._outages) == len(self._results):
            raise self._outages[0]
        return Outcome(None, max(self._seqs, default=self._context.domain.events.known))

    def show(self, _: None = None) -> dict[str, Any]:
        """Return one result for each id, in the order given."""
        return {"results": [self._results[identifier] for identifier in self._ids]}

    def _so_far(self, error: Exception) -> dict[str, Any]:
        if isinstance(error, UnavailableError) and len(self._results) == len(set(self._ids)):
            return self.show()
        if not isinstance(error, LateError):
            return {}
        for identifier in self._ids:
            if identifier not in self._results:
                self._results[identifier] = self._shown(identifier, error)
                # Only the first id without a result had begun.
                error = NotBegunError(error.seconds)
        return self.show()

    def _shown(self, identifier: str, error: Exception | None, incident: Incident | None = None) -> IncidentResult:
        reason = None if error is None else UserError.of(error, self._context.request_id)
        return IncidentResult(
            incident_id=ID(identifier),
            ok=reason is None,
            code=None if reason is None else reason.code,
            message=None if reason is None else reason.message,
            incident=incident,
        )
