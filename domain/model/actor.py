"""Actors of changes, and the causes behind them."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self


class ActorType(StrEnum):
    """The type of an actor."""

    SYSTEM = "system"
    USER = "user"
    APPLICATION = "application"
    SERVICE = "service"


#: The display names of actors whose own name not every audience may see.
_DISPLAY_NAMES = {
    ActorType.SYSTEM: "System",
    ActorType.USER: "Responder",
    ActorType.APPLICATION: "Application",
    ActorType.SERVICE: "Automation",
}
_IN_ADDRESSES = ("@", "://")


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """The party that made a change."""

    type: ActorType
    id: str
    name: str | None = None

    @property
    def display_name(self) -> str:
        """A name that every audience may see: never an address, and nothing that reveals the id."""
        # Compared in normal form: wide and small forms of letters and signs read like the plain ones.
        name = unicodedata.normalize("NFKC", self.name or "").casefold()
        if not name or any(part in name for part in (*_IN_ADDRESSES, self.id.casefold())):
            return _DISPLAY_NAMES[self.type]
        return self.name or ""

    def as_json(self) -> dict[str, Any]:
        """Return the form in the log and in payloads."""
        return {"type": self.type, "id": self.id, "name": self.name}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return the actor that `as_json` described."""
        return cls(type=ActorType(data["type"]), id=data["id"], name=data.get("name"))


SYSTEM = Actor(type=ActorType.SYSTEM, id="system", name="System")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """The change and run that led to a change, with the length of the chain so far."""

    change_id: str | None = None
    run_id: str | None = None
    depth: int = 0
    #: The trace that it is a part of.
    traceparent: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the form in the log."""
        data = {"change_id": self.change_id, "run_id": self.run_id, "depth": self.depth}
        return data if self.traceparent is None else {**data, "traceparent": self.traceparent}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return the cause that `as_json` described."""
        return cls(
            change_id=data.get("change_id"),
            run_id=data.get("run_id"),
            depth=data.get("depth", 0),
            traceparent=data.get("traceparent"),
        )
