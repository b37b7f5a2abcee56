"""Where expressions stand, and which names they find there."""

from dataclasses import dataclass, replace
from enum import Enum

_OF_A_STEP = ("trigger", "variables", "vars", "artifacts", "run", "repeat", "resume")


class Place(Enum):
    """A kind of place, by the names that are there."""

    #: filter, conditions, partition_by: before there is a run.
    GATE = ("trigger", "health", "state", "now")
    #: The `for` of a trigger; entities are read for conditions only.
    DWELL = ("trigger", "health", "now")
    #: once_for is looked at when all gates are passed.
    ONCE = ("trigger", "now")
    #: Conditions of steps.
    CONDITION = (*_OF_A_STEP, "health", "state", "now")
    #: Configs and variables.
    VALUE = (*_OF_A_STEP, "health", "now")
    #: Where nothing is read: for_each, delays, and what tells which event is waited for.
    PLAIN = (*_OF_A_STEP, "now")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What steps find at a place of the run."""

    #: The ids of steps whose artifacts are there on every way to the place.
    artifacts: frozenset[str] = frozenset()
    #: The ids of those that are there on some way.
    possible: frozenset[str] = frozenset()
    #: The variables that are set on some way.
    variables: frozenset[str] = frozenset()
    #: Whether an event was waited for on some way.
    resume: bool = False
    #: Whether it is inside a loop.
    repeat: bool = False
    #: Whether no way leads there.
    unreachable: bool = False
    #: Which event `trigger` is there, where it is another one than those that the definition begins with.
    event: str | None = None

    def produced(self, step: str) -> "Facts":
        """The same after that step, which hands something on."""
        return replace(self, artifacts=self.artifacts | {step}, possible=self.possible | {step})

    def granted(self, steps: frozenset[str]) -> "Facts":
        """The same where it was asked for what these steps hand on, as far as they may have run at all."""
        return replace(self, artifacts=self.artifacts | (steps & self.possible))

    def may_have(self, other: "Facts") -> "Facts":
        """The same, and perhaps what there is at the other place."""
        return replace(
            self,
            possible=self.possible | other.possible,
            variables=self.variables | other.variables,
            resume=self.resume or other.resume,
        )


def meeting(*ways: Facts) -> Facts:
    """What there is where several ways come together."""
    open_ways = [way for way in ways if not way.unreachable]
    if not open_ways:
        return ways[0]
    result = open_ways[0]
    for way in open_ways[1:]:
        result = replace(result.may_have(way), artifacts=result.artifacts & way.artifacts)
    return result
