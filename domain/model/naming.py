"""Systems that requests name by key: a key may stand for another system once the first one is deleted."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from domain.ids import is_id
from domain.model.change import Change

_KIND, _PREFIX = "system", "sys"


def is_new_system(change: Change) -> bool:
    """Return whether a change created a system."""
    return change.kind == _KIND and change.before is None


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedSystems:
    """The keys that a lasting request names, and the systems that they stood for when it was made."""

    #: Each key with each id that it stood for.
    found: frozenset[tuple[str, str]] = frozenset()
    #: A position of the log that was read before they were found.
    since: int = 0

    @classmethod
    def of(cls, found: Mapping[str, Iterable[str]], *, since: int) -> "NamedSystems":
        """Return the keys among some references, with what they stand for."""
        keys = ((key, ids) for key, ids in found.items() if not is_id(key, _PREFIX))
        return cls(found=frozenset((key, each) for key, ids in keys for each in ids), since=since)

    def is_given_by(self, change: Change) -> bool:
        """Return whether a change gave one of the keys to a new system."""
        if not self.found or not is_new_system(change):
            return False
        given = (change.after or {}).get("key")
        return any(key == given for key, _ in self.found)

    def is_outdated_by(self, change: Change) -> bool:
        """Return whether one of the keys stands for a system since a change that is not among those found."""
        if change.seq <= self.since or not self.is_given_by(change):
            return False
        return ((change.after or {})["key"], change.entity_id) not in self.found


NO_SYSTEMS = NamedSystems()
