"""Traces over requests, writes, the log, and what follows from them: W3C trace contexts as text, and spans."""

import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from enum import StrEnum
from typing import Protocol

#: The form of version 00 (W3C Trace Context, 3.2.2); of later ones, the parts that it has.
_FORM = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")
_LENGTH = 55

#: The trace context that the running code belongs to: what it writes keeps it, and what it calls is sent it.
current_trace: ContextVar[str | None] = ContextVar("traceparent", default=None)


class SpanKind(StrEnum):
    """The place of a span between processes."""

    SERVER = "server"
    CLIENT = "client"
    PRODUCER = "producer"
    CONSUMER = "consumer"
    INTERNAL = "internal"


class Span(Protocol):
    """A piece of work that is under way."""

    def rename(self, name: str) -> None:
        """Name the span by what is known only now."""

    def set(self, **attributes: str | float) -> None:
        """Say more of the work; the names' underscores stand for dots."""

    def fail(self, reason: str) -> None:
        """Note that the work has failed."""


class Tracer(Protocol):
    """A maker of spans, which are exported once they have ended."""

    #: Whether spans of operations have the text of their documents.
    with_documents: bool

    def span(
        self, name: str, *, kind: SpanKind, parent: str | None = None, attributes: Mapping[str, str | float]
    ) -> AbstractContextManager[Span]:
        """Trace the block as a part of `parent`, else of the current trace, else as a new one."""


def span_of(
    tracer: Tracer | None, name: str, *, kind: SpanKind, parent: str | None = None, **attributes: str | float
) -> AbstractContextManager[Span | None]:
    """Return the span of a block; without a tracer what the block writes and calls is a part of `parent` itself."""
    if tracer is not None:
        given = {key.replace("_", "."): value for key, value in attributes.items()}
        return tracer.span(name, kind=kind, parent=parent, attributes=given)
    return nullcontext() if parent is None else within(parent)


@contextmanager
def within(parent: str | None) -> Iterator[None]:
    """Have what the block writes and calls be a part of a trace."""
    token = current_trace.set(parent)
    try:
        yield
    finally:
        current_trace.reset(token)


def checked_traceparent(text: str | None) -> str | None:
    """Return the trace context that another program sent; None where it is none."""
    if text is None or _FORM.fullmatch(text) is None or (text.startswith("00") and len(text) != _LENGTH):
        return None
    return f"00{text[2:_LENGTH]}"


def trace_id() -> str | None:
    """Return the id of the current trace."""
    parent = current_trace.get()
    return None if parent is None else parent.split("-")[1]
