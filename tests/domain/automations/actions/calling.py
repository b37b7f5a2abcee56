"""Callers with a clock and jitter under a test's control."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

from domain.outbound.addresses import Address, AddressRules
from domain.outbound.caller import HttpCaller
from tests.conftest import SteppingClock


@dataclass(slots=True)
class Waits:
    """A clock that passes only while a caller sleeps, with the lengths of the sleeps."""

    slept: list[float] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        """Let that much time pass at once."""
        self.slept.append(seconds)

    def elapsed(self) -> float:
        """Return how much time has passed."""
        return sum(self.slept)


class Names:
    """A resolver that gives one answer after the other, the last one for ever."""

    def __init__(self, *answers: Sequence[str] | OSError) -> None:
        self.answers = list(answers)
        self.resolved: list[str] = []

    async def resolve(self, host: str, port: int) -> Sequence[Address]:
        """Return the next answer."""
        self.resolved.append(host)
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(found, OSError):
            raise found
        return [ip_address(text) for text in found]


def make_caller(*allowed: str, waits: Waits | None = None, names: Names | None = None, **options: Any) -> HttpCaller:
    """Make a caller without jitter, by default one that may reach this machine."""
    waits = waits or Waits()
    if names is not None:
        options["resolve"] = names.resolve
    return HttpCaller(
        rules=AddressRules.of(allowed or ("127.0.0.1",)),
        clock=options.pop("clock", SteppingClock()),
        sleep=waits.sleep,
        elapsed=waits.elapsed,
        chance=options.pop("chance", lambda: 1.0),
        **options,
    )
