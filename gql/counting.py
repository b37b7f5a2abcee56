"""Counts of GraphQL operations: what they came to, how long they took, and the codes of their errors."""

import time
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Protocol

from domain.counting import Histogram, counted_from_zero
from gql.requests.slow import SlowOperations, Timed

#: The types of operations; unknown is what was refused before its type was known.
QUERY, MUTATION, SUBSCRIPTION, UNKNOWN = "query", "mutation", "subscription", "unknown"
#: What an operation comes to, in the order in which one hides the other.
_GRAVE = {"INTERNAL": "internal", "UNAVAILABLE": "unavailable", "TIMEOUT": "timeout"}
#: `user_error`: a mutation was refused for what it asked. `error`: fields failed. `refused`: nothing was executed.
OUTCOMES = ("ok", "user_error", "error", "refused", *_GRAVE.values())


class Operation(Timed, Protocol):
    """An operation's context, as far as it says what is counted."""

    #: The codes with which its mutations failed.
    user_errors: tuple[str, ...]


class OperationCounts:
    """The operations of one process."""

    def __init__(self, slow: SlowOperations) -> None:
        self.slow = slow
        #: How long those took that were answered; a subscription has no end.
        self.seconds = {QUERY: Histogram(), MUTATION: Histogram()}
        #: By type and outcome.
        self.requests = counted_from_zero((kind, outcome) for kind in self.seconds for outcome in OUTCOMES)
        self.requests[UNKNOWN, "refused"] = 0
        #: Queries that were answered without waiting, which are not in `requests`.
        self.at_once = 0
        self._queries = self.seconds[QUERY]
        #: Errors by their code, those of payloads among them.
        self.errors: Counter[str] = counted_from_zero(("COST_LIMIT", "RATE_LIMITED", *_GRAVE))

    def answered_at_once(self, began: float) -> float:
        """Count a query that was answered without an error, and return its seconds since it began."""
        self.at_once += 1
        seconds = time.perf_counter() - began
        self._queries.add(seconds)
        return seconds

    def answered(self, operation: Operation, errors: Any, began: float) -> None:
        """Count an operation with the errors of its result."""
        kind, outcome = operation.kind, "ok"
        if errors or operation.user_errors:
            outcome = self._outcome(operation.user_errors, errors or ())
        if kind == SUBSCRIPTION:
            return  # counted when they are admitted
        self.requests[kind, outcome] += 1
        seconds = time.perf_counter() - began
        if kind in self.seconds:
            self.seconds[kind].add(seconds)
        if seconds >= self.slow.seconds:
            self.slow.note(operation, seconds, began=began)

    def _outcome(self, user_errors: tuple[str, ...], errors: Any) -> str:
        codes = [*user_errors, *(str((error.extensions or {}).get("code")) for error in errors)]
        self.errors.update(codes)
        for code, outcome in _GRAVE.items():
            if code in codes:
                return outcome
        if not errors:
            return "user_error"
        return "error" if any(error.path is not None for error in errors) else "refused"


async def measured(
    results: AsyncGenerator[Any, None], operation: Operation, counts: OperationCounts
) -> AsyncGenerator[Any, None]:
    """Yield the results of an operation, the first of which is counted."""
    began, is_first = time.perf_counter(), True
    async with aclosing(results):
        async for result in results:
            if is_first:
                is_first = False
                counts.answered(operation, getattr(result, "errors", None), began)
            yield result
