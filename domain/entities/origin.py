"""The origin of a write: who writes, why, and which systems they may write about."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from domain.model.actor import SYSTEM, Actor, Cause
from domain.tracing import current_trace

#: Called with an entity's systems before the write and None, then with None and its systems after the write.
Permit = Callable[[Sequence[str] | None, Sequence[str] | None], None]


def permit_all(before: Sequence[str] | None, after: Sequence[str] | None) -> None:
    """Permit every write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The writer of a change and its cause; the secrets of that run are masked in the record.

    `rewrite` is applied to what the log keeps; such a change fires no trigger, and neither does a quiet one. `permit`
    raises where the writer is not allowed to write about the systems that it is called with.
    """

    actor: Actor = SYSTEM
    cause: Cause = field(default_factory=Cause)
    run_id: str | None = None
    rewrite: Callable[[Any], Any] | None = None
    is_quiet: bool = False
    permit: Permit = permit_all


def traced(cause: Cause) -> Cause:
    """Return a cause with the trace that the running code belongs to, where there is one."""
    parent = current_trace.get()
    return cause if parent is None else replace(cause, traceparent=parent)


BY_SYSTEM = Origin()
