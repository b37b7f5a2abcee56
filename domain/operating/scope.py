"""The scope of an inspection: one moment of a database, and what all checks have to know of it."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from domain.entities.kind import EntityKind
from domain.entities.kinds import KINDS, Kinds
from domain.model.erasure import Forgotten
from domain.operating.findings import Finding
from domain.persistence.unit_of_work import ReadSession


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """A session on one moment of a database, with the bounds of its log."""

    session: ReadSession
    is_sqlite: bool
    #: The position up to which changes were pruned; 0 when none were.
    floor: int
    head: int
    kinds: Kinds = KINDS
    #: The people whose erasure is under way: rows and log do not agree about them meanwhile.
    erasing: Sequence[Forgotten] = ()
    #: How much was looked at, by name.
    counted: Counter[str] = field(default_factory=Counter)

    @property
    def is_pruned(self) -> bool:
        """Return whether the log has lost its beginning to retention."""
        return self.floor > 0

    def kind(self, name: str) -> EntityKind[Any] | None:
        """Return the kind of that name; None for one that this version does not know."""
        return next((kind for kind in self.kinds if kind.name == name), None)

    def without_erased(self, value: Any) -> Any:
        """Return a state without people whose erasure is under way."""
        for forgotten in self.erasing:
            value = forgotten.without_words(value)
        return value


Check = Callable[[Scope], AsyncIterator[Finding]]


def shown(value: Any) -> str:
    """Return a value in at most 120 characters."""
    text = "nothing" if value is None else str(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


_SHOWN = 120
