"""Places of expressions, and the names in their scope."""

from dataclasses import dataclass, replace
from enum import Enum

_OF_A_STEP = ("trigger", "variables", "vars", "artifacts", "steps", "run", "repeat", "wait", "resume")


class Place(Enum):
    """A kind of place, with the names in its scope."""

    #: filter, conditions, partition_by: before there is a run.
    GATE = ("trigger", "health", "state", "now")
    #: The `for` of a trigger; entities are read for conditions only.
    DWELL = ("trigger", "health", "now")
    #: once_for is evaluated after all gates.
    ONCE = ("trigger", "now")
    #: Conditions of steps.
    CONDITION = (*_OF_A_STEP, "health", "state", "now")
    #: Configs and variables.
    VALUE = (*_OF_A_STEP, "health", "now")
    #: Places without reads of state: for_each, delays, and the context key of an awaited event.
    PLAIN = (*_OF_A_STEP, "now")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The ids of steps that a condition proves to be over, and to have succeeded, where it holds."""

    over: frozenset[str] = frozenset()
    succeeded: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The names that are set at a place of the run."""

    #: The ids of steps whose artifacts exist on every path to the place.
    artifacts: frozenset[str] = frozenset()
    #: The ids of those that exist on some path.
    possible: frozenset[str] = frozenset()
    #: The ids of steps that are over on every path to the place, and on some path.
    over: frozenset[str] = frozenset()
    perhaps_over: frozenset[str] = frozenset()
    #: The ids of those that have succeeded on every path.
    succeeded: frozenset[str] = frozenset()
    #: The variables that are set on some path.
    variables: frozenset[str] = frozenset()
    #: Whether an event was waited for on some path.
    resume: bool = False
    #: Whether there was a wait on some path.
    wait: bool = False
    #: Whether it is inside a loop.
    repeat: bool = False
    #: Whether no path leads there.
    unreachable: bool = False
    #: The event of `trigger`, if it is not one of those that start the definition.
    event: str | None = None

    def produced(self, step: str) -> "Facts":
        """Return the facts after that step, which produces an artifact."""
        return replace(self, artifacts=self.artifacts | {step}, possible=self.possible | {step})

    def granted(self, proof: Proof) -> "Facts":
        """Return the facts once a condition has checked these steps, if they may have run at all."""
        return replace(
            self,
            artifacts=self.artifacts | (proof.over & self.possible),
            over=self.over | (proof.over & self.perhaps_over),
            succeeded=self.succeeded | (proof.succeeded & self.perhaps_over),
        )

    def left(self, step: str | None, *, before: "Facts", may_fail: bool) -> "Facts":
        """Return the facts after a step at whose end these hold; one that may fail may have done only a part."""
        if self.unreachable:
            return self
        name = frozenset() if step is None else frozenset([step])
        return replace(
            self,
            perhaps_over=self.perhaps_over | name,
            over=(before.over if may_fail else self.over) | name,
            succeeded=before.succeeded - name if may_fail else self.succeeded | name,
        )

    def may_have(self, other: "Facts") -> "Facts":
        """Return the facts with those of another place as possible ones."""
        return replace(
            self,
            possible=self.possible | other.possible,
            perhaps_over=self.perhaps_over | other.perhaps_over,
            variables=self.variables | other.variables,
            resume=self.resume or other.resume,
            wait=self.wait or other.wait,
        )


def merge(*paths: Facts) -> Facts:
    """Return the facts where several paths of a run meet."""
    open_paths = [path for path in paths if not path.unreachable]
    if not open_paths:
        return paths[0]
    result = open_paths[0]
    for path in open_paths[1:]:
        result = replace(
            result.may_have(path),
            artifacts=result.artifacts & path.artifacts,
            over=result.over & path.over,
            succeeded=result.succeeded & path.succeeded,
        )
    return result
