"""The findings of an inspection: what kind of damage, where, and what to do about it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from typing_extensions import override

_RESTORE = "Stop the servers and restore the newest backup that `incidentql verify` finds sound."
_KEEP = "Keep a copy of the database as it is, and look for programs that write it besides incidentql."


class Damage(StrEnum):
    """The kind of a damage."""

    FILE = "file"
    SCHEMA = "schema"
    LOG_GAP = "log_gap"
    LOG_ORDER = "log_order"
    LOG_STATE = "log_state"
    LOG_NUMBER = "log_number"
    ROW = "row"
    ROW_MISSING = "row_missing"
    ROW_UNLOGGED = "row_unlogged"
    VERSION = "version"
    TRANSITION = "transition"
    TIMELINE = "timeline"
    CLAIM = "claim"
    SEARCH = "search"
    NUMBER = "number"
    LINK = "link"
    HEALTH = "health"
    ORPHAN = "orphan"
    PLACE = "place"
    IDEMPOTENCY = "idempotency"

    @property
    def advice(self) -> str:
        """The advice to operators."""
        return _ADVICE.get(self, f"{_KEEP} {_RESTORE}")


_ADVICE = {
    Damage.FILE: f"The disk or another program damaged the file: check the disk. {_RESTORE}",
    Damage.SCHEMA: f"Somebody changed the schema by hand: undo that. {_RESTORE}",
    Damage.LOG_NUMBER: "Stop the servers: the next changes would get places that others have already. "
    "Set the sequence of changes.seq to the last place.",
    Damage.CLAIM: "Resolve the incident, or delete the row of open_incident_claims: it stops deduplicated creates.",
    Damage.SEARCH: "Change the text and change it back: each write indexes it anew.",
    Damage.NUMBER: "Set the counter to the largest number, or the next incident cannot be opened.",
    Damage.LINK: "Remove the link and add it again.",
    Damage.HEALTH: "Report the health of the system again: that settles it anew.",
    Damage.ORPHAN: "Delete the row: nothing shows it any more.",
    Damage.PLACE: "Stop the servers: it would pass over changes to come. Set it to the log's last place.",
    Damage.IDEMPOTENCY: "Delete the row of idempotency_keys: a repeated call would fail for a day.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One damage."""

    damage: Damage
    #: What is damaged: a kind and an id, or a table and a key.
    subject: str
    expected: str
    found: str

    def as_json(self) -> dict[str, Any]:
        """Return the finding for programs."""
        return {
            "damage": self.damage,
            "subject": self.subject,
            "expected": self.expected,
            "found": self.found,
            "advice": self.damage.advice,
        }

    @override
    def __str__(self) -> str:
        return f"{self.damage}: {self.subject}: expected {self.expected}, found {self.found}. {self.damage.advice}"
