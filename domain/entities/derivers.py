"""The derivation of trigger events and their payload from a change."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from domain.model.change import Change

logger = logging.getLogger(__name__)

Deriver = Callable[[Change], Sequence[object]]
PayloadMapper = Callable[[Change], Mapping[str, Any]]


class DeriverRegistry:
    """The derivers of each kind of entity, and its payload mapper if it has one."""

    def __init__(self) -> None:
        self._derivers: dict[str, list[Deriver]] = {}
        self._mappers: dict[str, PayloadMapper] = {}

    def register(self, *, kind: str, derive: Deriver, to_payload: PayloadMapper | None = None) -> None:
        """Add a deriver to a kind; adding it again has no effect.

        Raises:
            ValueError: the kind is blank, or has another payload mapper already.
        """
        if not kind.strip():
            raise ValueError("kind must be a non-empty string")
        if to_payload is not None and self._mappers.setdefault(kind, to_payload) is not to_payload:
            raise ValueError(f"the kind {kind!r} has another payload mapper already")
        derivers = self._derivers.setdefault(kind, [])
        if derive not in derivers:
            derivers.append(derive)

    def kinds(self) -> list[str]:
        """Return the kinds that have derivers, in the order of their registration."""
        return list(self._derivers)

    def derive(self, change: Change) -> tuple[str, ...]:
        """Return the ids of a change's trigger events, each once; a failing deriver does not stop the others."""
        events: dict[str, None] = {}
        for deriver in self._derivers.get(change.kind, ()):
            try:
                derived = list(deriver(change))
            except Exception:
                logger.exception("a deriver failed", extra={"kind": change.kind, "change": change.id})
                continue
            events.update(dict.fromkeys(event for event in derived if isinstance(event, str) and event))
        return tuple(events)

    def payload(self, change: Change) -> Mapping[str, Any] | None:
        """Return the payload of a change's trigger events, or None for a kind without a mapper."""
        mapper = self._mappers.get(change.kind)
        return mapper(change) if mapper is not None else None
