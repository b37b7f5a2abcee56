"""The registry of all kinds of entities and their handles."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, RootModel

from domain.clock import Clock
from domain.entities.derivers import DeriverRegistry
from domain.entities.handle import EntityHandle, Runtime
from domain.entities.kind import EntityKind, Lock
from domain.entities.masking import SecretMasker

E = TypeVar("E")


@dataclass(frozen=True, slots=True, kw_only=True)
class NonReactive:
    """A table that is deliberately not reactive, with the reason on record."""

    table: str
    reason: str
    note: str | None = None


_REASONS = {"raw-sample", "sensitive", "externally-owned", "bookkeeping"}


class EntityRegistry:
    """The defined kinds; their handles can read at once, and write once the registry is bound."""

    def __init__(self) -> None:
        self._handles: dict[str, EntityHandle[Any]] = {}
        self._kinds: list[EntityKind[Any]] = []
        self._runtime: Runtime | None = None
        self._non_reactive: list[NonReactive] = []

    def define(self, kind: EntityKind[E]) -> EntityHandle[E]:
        """Add a kind and return its handle.

        Raises:
            ValueError: the kind is blank or defined already, `read` cannot be called, or `state` is not an object
                schema (a pydantic model).
        """
        if not kind.name.strip():
            raise ValueError("kind must be a non-empty string")
        if kind.name in self._handles:
            raise ValueError(f"the kind {kind.name!r} is defined already: kinds are globally unique")
        read: object = kind.read
        if not callable(read):
            raise ValueError(f"read of {kind.name!r} must be callable, not {type(read).__name__}")  # noqa: TRY004
        state: object = kind.state
        if not (isinstance(state, type) and issubclass(state, BaseModel) and not issubclass(state, RootModel)):
            received = state.__name__ if isinstance(state, type) else type(state).__name__
            raise ValueError(f"state of {kind.name!r} must be an object schema, not {received}")  # noqa: TRY004
        handle = EntityHandle(kind, self._bound)
        self._handles[kind.name] = handle
        self._kinds.append(kind)
        return handle

    def bind(self, *, clock: Clock, derivers: DeriverRegistry, masker: SecretMasker) -> None:
        """Enable writes by giving the handles their shared dependencies."""
        self._runtime = Runtime(clock=clock, derivers=derivers, masker=masker)

    def forget_users(self) -> None:
        """Have users written as people again when they act: some were erased."""
        if self._runtime is not None:
            self._runtime.known_users.clear()

    def kinds(self) -> list[str]:
        """Return the names of all kinds in the order of their definition."""
        return list(self._handles)

    def definitions(self) -> tuple[EntityKind[Any], ...]:
        """Return the definitions of all kinds in their order."""
        return tuple(self._kinds)

    def handle(self, kind: EntityKind[E]) -> EntityHandle[E]:
        """Return the handle of a defined kind."""
        return self._handles[kind.name]

    def resolver_for(self, kind: str) -> Callable[..., Awaitable[Mapping[str, Any]]] | None:
        """Return the batched read of a kind, or None for an unknown one."""
        handle = self._handles.get(kind)
        return handle.get_many if handle is not None else None

    def locker_for(self, kind: str) -> Lock | None:
        """Return the function that locks entities of a kind, or None for an unknown kind."""
        handle = self._handles.get(kind)
        return handle.lock if handle is not None else None

    def declare_non_reactive(self, *, table: str, reason: str, note: str | None = None) -> None:
        """Record why a table is not reactive.

        Raises:
            ValueError: the reason is none of the known ones.
        """
        if reason not in _REASONS:
            raise ValueError(f"the reason must be one of {', '.join(sorted(_REASONS))}")
        self._non_reactive.append(NonReactive(table=table, reason=reason, note=note))

    def non_reactive(self) -> Sequence[NonReactive]:
        """Return all tables declared as not reactive."""
        return tuple(self._non_reactive)

    def _bound(self) -> Runtime:
        if self._runtime is None:
            raise RuntimeError("the entity store is not initialised: bind the registry before mutating")
        return self._runtime
