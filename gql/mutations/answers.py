"""Payloads for the results and failures of use cases."""

from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from typing import Any, TypeVar

from domain.automations.validation import InvalidDefinitionError
from domain.errors import DomainError, VersionConflictError
from domain.model import automation as model
from domain.model import maintenance, system
from domain.services.writing import Outcome
from gql.context import Context, Info
from gql.types.automation import Automation, AutomationProblem
from gql.types.errors import UserError
from gql.types.incident import Incident
from gql.types.maintenance import Maintenance
from gql.types.payloads import Payload
from gql.types.system import System

P = TypeVar("P", bound=Payload)
T = TypeVar("T")


async def answer(
    info: Info,
    payload: type[P],
    call: Callable[[], Awaitable[Outcome[T]]],
    show: Callable[[T], dict[str, Any]],
) -> P:
    """Return the payload of a mutation: the value as `show` presents it, or the reason why it was refused.

    Raises:
        DomainError: it failed before it looked at the log, or was refused for what its caller may do.
    """
    events = info.context.domain.events
    # A document may hold several mutations in sequence: none may show values that an earlier one has read.
    info.context.forget()
    projecting = info.context.projecting
    show = _once(show)
    with projecting.within(show) if projecting is not None else nullcontext():
        outcome = await call()
    return payload(user_errors=[], cursor=events.cursor_of(outcome.seq), **show(outcome.value))


def _once(show: Callable[[T], dict[str, Any]]) -> Callable[[T], dict[str, Any]]:
    """Return the same function for values that are shown twice: within the transaction and after it."""
    last: list[tuple[T, dict[str, Any]]] = []

    def shown(value: T) -> dict[str, Any]:
        # Of a transaction that is repeated, there are several.
        if not last or last[0][0] is not value:
            last[:] = [(value, show(value))]
        return last[0][1]

    return shown


def failure(context: Context, payload: type[P], error: Exception) -> P:
    """Return the payload of a mutation that failed, with the reason in it; bugs are logged and masked."""
    head = error.log_head if isinstance(error, DomainError) else None
    if head is None:
        head = context.domain.events.known
    user_errors = UserError.list_of(error, context.request_id)
    context.user_errors += tuple(each.code.value for each in user_errors)
    return payload(
        user_errors=user_errors,
        cursor=context.domain.events.cursor_of(head),
        **context.so_far(error),
        **_shown(error),
    )


def _shown(error: Exception) -> dict[str, Any]:
    """Return the members of a payload beside the reasons of a refusal."""
    if isinstance(error, VersionConflictError):
        return _present(error.current)
    if isinstance(error, InvalidDefinitionError):
        return {"problems": AutomationProblem.list_of(error.problems)}
    return {}


def _present(current: Any) -> dict[str, Any]:
    """Return the member with the object that changed since the caller read it."""
    if isinstance(current, model.Automation):
        return {"automation": Automation.of(current)}
    if isinstance(current, maintenance.Maintenance):
        return {"maintenance": Maintenance.of(current)}
    return {"system": System.of(current)} if isinstance(current, system.System) else {"incident": Incident.of(current)}
