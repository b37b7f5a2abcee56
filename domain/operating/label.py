"""The label of a backup: which version of this program made it, and when."""

import json
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from typing import Self

from domain.model.moment import iso
from domain.persistence.migrate import PROGRAM_VERSION

#: The name of the state that holds it in a backup.
BACKUP = "backup"


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """The revision, the program and the time of a backup."""

    revision: str
    program: str | None
    taken_at: str | None

    @classmethod
    def of(cls, revision: str, states: dict[str, str]) -> Self:
        """Return the label of a backup with these states; copies that other programs made lack some of it."""
        known = json.loads(states.get(BACKUP, "{}"))
        return cls(
            revision=revision,
            program=known.get("program") or states.get(PROGRAM_VERSION),
            taken_at=known.get("taken_at"),
        )


def made_now(now: datetime) -> dict[str, str]:
    """Return the states that label a backup which this program makes now."""
    return {BACKUP: json.dumps({"program": version("incidentql"), "taken_at": iso(now)})}
