"""The request that the running code works for, for lines of the log."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(slots=True)
class Doing:
    """A request, as far as it is known."""

    request_id: str
    #: The kind of caller: a role, and never who it is.
    viewer: str | None = None
    #: The name of the operation in its document.
    operation: str | None = None


current: ContextVar[Doing | None] = ContextVar("current", default=None)


@contextmanager
def doing(request_id: str) -> Iterator[Doing]:
    """Have lines of the log in the block, and in what it starts, name this request."""
    request = Doing(request_id)
    token = current.set(request)
    try:
        yield request
    finally:
        current.reset(token)


def note_viewer(role: str) -> None:
    """Note the role of the caller whose request is answered."""
    request = current.get()
    if request is not None:
        request.viewer = role


def note_operation(name: str | None) -> None:
    """Note the name of the operation that is run."""
    request = current.get()
    if request is not None:
        request.operation = name
